import { afterEach, describe, expect, it, vi } from 'vitest';
import { VERSIONED_WRITE } from '../../../shared/quota/retry-policy.ts';
import { BusyError, updateVersioned, type VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { memoryStore } from '../../support/memory-store.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

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
    const write = vi.spyOn(store, 'write');
    await expect(updateVersioned(store, addOne)).rejects.toThrow(BusyError);
    expect(write).toHaveBeenCalledTimes(VERSIONED_WRITE.attempts);
  });

  it('is read again after a rest when other writers were faster twice', async () => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const store = memoryStore<number>();
    await updateVersioned(store, addOne);
    const write = vi.spyOn(store, 'write');
    for (const version of [7, 8])
      write.mockResolvedValueOnce({ stored: false, found: { value: 6, version } });
    const done = updateVersioned(store, addOne);
    await vi.advanceTimersByTimeAsync(VERSIONED_WRITE.maxRestMs / 2 - 1);
    expect(write.mock.calls).toEqual([
      [2, 1],
      [7, 7],
    ]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await done).toEqual({ value: 2, version: 2 });
    expect(write.mock.calls[2]).toEqual([2, 1]);
  });
});
