// Run once by the image of MongoDB, as its root user: the dataflow may write its own database and
// no other, the live page may read it.
const name = process.env.MONGO_DATABASE || "tidemark";
const own = db.getSiblingDB(name);
own.createUser({
  user: "tidemark",
  pwd: process.env.TIDEMARK_MONGO_PASSWORD,
  roles: [{ role: "readWrite", db: name }],
});
own.createUser({
  user: "dashboard",
  pwd: process.env.DASHBOARD_MONGO_PASSWORD,
  roles: [{ role: "read", db: name }],
});
