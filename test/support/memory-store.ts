import type { Versioned, VersionedStore } from '../../shared/quota/versioned-store.ts';

/** A versioned value in memory, with the same conditional writes as the real one. */
export function memoryStore<Value>(): VersionedStore<Value> {
  let stored: Versioned<Value> | undefined;
  return {
    read: async () => structuredClone(stored),
    write: async (value, over) => {
      if (stored?.version !== over) return { stored: false, found: structuredClone(stored) };
      stored = { value: structuredClone(value), version: (over ?? 0) + 1 };
      return { stored: true };
    },
  };
}
