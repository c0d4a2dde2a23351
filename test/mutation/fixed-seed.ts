import fc from 'fast-check';

// A mutant is judged by the same values each time; after a failure no time is spent on a smaller example.
fc.configureGlobal({ seed: 1, endOnFailure: true });
