// One process for all tests: they share what they synthesize.
import './api.test.js';
import './config.test.js';
import './database.test.js';
import './functions.test.js';
import './keys.test.js';
import './nag.test.js';
import './network.test.js';
import './observability.test.js';
import './outputs.test.js';
import './permissions.test.js';
import './retention.test.js';
import './snapshot.test.js';
import './stacks.test.js';
