"""Dashboards: one module each, with its uid and the ids of its panels.

An id is for ever: links and alert rules name panels by it. A new panel takes a new one.
"""
