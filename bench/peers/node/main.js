// firehose-transform in Node, as a whole process.
"use strict";

const { run } = require("./runtime.js");
const { handler } = require("./transform.js");

run(handler).catch(() => process.exit(0));
