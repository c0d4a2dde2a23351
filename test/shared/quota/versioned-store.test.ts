import { describe, expect, it, vi } from 'vitest';
import { BusyError, updateVersioned, type VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { memoryStore } from '../../support/memory-store.ts';

const addOne = (count = 0) => count + 1;

describe('a versioned value', () => {
  it('is changed by one write over the known version', async () => {
    const store = memoryStore<number>();
    const known = await updateVersioned(store, addOne);
    const read = vi.spyOn(store, 'read');
    const write = vi.spyOn(store, 'write');
    expect(await updateVersioned(store, addOne, known)).toEqual({ value: 2, version: 2 });
    expect(read).not.toHaveBeenCalled();
    expect(write).toHaveBeenCalledTimes(1);
  });

  it('is changed by a second write, without a read, when another writer was faster', async () => {
    const store = memoryStore<number>();
    const known = await updateVersioned(store, addOne);
    await updateVersioned(store, addOne, known);
    const read = vi.spyOn(store, 'read');
    const write = vi.spyOn(store, 'write');
    expect(await updateVersioned(store, addOne, known)).toEqual({ value: 3, version: 3 });
    expect(read).not.toHaveBeenCalled();
    expect(write).toHaveBeenCalledTimes(2);
  });

  it('loses no change of writers that write at the same time', async () => {
    const store = memoryStore<number>();
    await Promise.all(Array.from({ length: 5 }, () => updateVersioned(store, addOne)));
    expect((await store.read())?.value).toBe(5);
  });

  it('throws a BusyError when every attempt fails', async () => {
    const one = { value: 1, version: 1 };
    const store: VersionedStore<number> = {
      read: async () => one,
      write: async () => ({ stored: false, found: one }),
    };
    await expect(updateVersioned(store, addOne)).rejects.toThrow(BusyError);
  });
});
