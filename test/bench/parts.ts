import { code } from './parts/code.ts';
import { growth } from './parts/growth.ts';
import { live } from './parts/live.ts';
import { memory } from './parts/memory.ts';
import { edge } from './parts/pace.ts';
import { requests } from './parts/requests.ts';
import type { Part } from './report/section.ts';

/** The parts of the benchmark, in the order in which they run and are told of. */
export const PARTS: readonly Part[] = [requests, edge, live, memory, growth, code];
