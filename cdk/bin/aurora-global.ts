import { build } from '../lib/app.js';

build().app.synth();
