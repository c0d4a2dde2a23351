import * as z from 'zod';

interface Named {
  id: number;
  name: string;
}

/** Names of the lists whose items a person can change. */
export const directoryNameSchema = z.enum(['companies', 'lead-sources', 'users']);
type DirectoryName = z.infer<typeof directoryNameSchema>;

/** The account's staff, lead sources, companies and contact types. */
export class Directory {
  readonly staff = new Map<number, { id: number; email: string }>();
  readonly leadSources = new Map<number, Named>();
  readonly companies = new Map<number, Named>();
  contactTypes: readonly string[] = ['Prospect', 'Customer', 'Partner', 'Personal Contact', 'Vendor'];
  /** Whether API clients may create lead sources. */
  allowsLeadSources = true;
  /** Names of tags and custom fields that the account refuses to create, as when it has reached the maximum. */
  refusedCreations: readonly string[] = [];
  #lastId = 1000;

  addStaff(email: string): { id: number; email: string } {
    const member = { id: ++this.#lastId, email };
    this.staff.set(member.id, member);
    return member;
  }

  createLeadSource(name: string): Named {
    return this.#add(this.leadSources, name);
  }

  createCompany(name: string): Named {
    return this.#add(this.companies, name);
  }

  /** Items of a list, by id. */
  of(name: DirectoryName): Map<number, { id: number }> {
    if (name === 'users') return this.staff;
    return name === 'companies' ? this.companies : this.leadSources;
  }

  /** Creates an item, or changes one. @returns undefined if there is no such item. */
  put(name: DirectoryName, values: Record<string, unknown>, id?: number): { id: number } | undefined {
    const items = this.of(name);
    const item = id === undefined ? { id: ++this.#lastId } : items.get(id);
    if (!item) return undefined;
    items.set(item.id, Object.assign(item, values));
    return item;
  }

  #add(items: Map<number, Named>, name: string): Named {
    const item = { id: ++this.#lastId, name };
    items.set(item.id, item);
    return item;
  }
}
