from __future__ import annotations

import pickle

from tidemark.errors import ConfigError, Problem, TidemarkError

PROBLEM = Problem("engine.key_groups", "0", "1 or more", "set it", "config.yaml:7")


def test_message_and_remedy_are_both_in_the_text() -> None:
    error = TidemarkError("the broker does not answer", remedy="start it")
    assert str(error) == "the broker does not answer\n  remedy: start it"
    assert error.message == "the broker does not answer"
    assert error.remedy == "start it"


def test_without_a_remedy_the_text_is_the_message() -> None:
    assert str(TidemarkError("no")) == "no"


def test_exit_codes_tell_failure_from_configuration() -> None:
    assert TidemarkError("x").exit_code == 1
    assert ConfigError([PROBLEM]).exit_code == 2


def test_config_error_is_a_tidemark_error() -> None:
    assert isinstance(ConfigError([PROBLEM]), TidemarkError)


def test_every_part_of_a_problem_is_in_the_text() -> None:
    assert str(PROBLEM) == (
        "engine.key_groups = 0  (config.yaml:7)\n  expected: 1 or more\n  remedy:   set it"
    )


def test_empty_parts_of_a_problem_leave_no_trace() -> None:
    assert str(Problem("a.b", "", "text", "", "")) == "a.b\n  expected: text"


def test_config_error_counts_and_lists_all_problems() -> None:
    text = str(ConfigError([PROBLEM, Problem("a.b", "", "text", "", "")]))
    assert text.splitlines() == [
        "2 problems in the configuration",
        "  engine.key_groups = 0  (config.yaml:7)",
        "    expected: 1 or more",
        "    remedy:   set it",
        "  a.b",
        "    expected: text",
    ]


def test_one_problem_is_said_in_the_singular() -> None:
    assert str(ConfigError([PROBLEM])).startswith("1 problem in")


def test_errors_survive_the_way_between_processes() -> None:
    config = pickle.loads(pickle.dumps(ConfigError([PROBLEM])))
    plain = pickle.loads(pickle.dumps(TidemarkError("no", remedy="yes")))
    assert config.problems == (PROBLEM,)
    assert (plain.message, plain.remedy) == ("no", "yes")
