import { setTimeout as sleep } from 'node:timers/promises';

/** The same object, whose methods, and those of its parts, take so many milliseconds longer: a service that is not in this process. */
export function slowly<Service extends object>(service: Service, ms: number): Service {
  return new Proxy(service, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member === 'object' && member !== null) return slowly(member, ms);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await sleep(ms);
        return member.apply(target, args);
      };
    },
  });
}
