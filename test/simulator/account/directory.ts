interface Named {
  id: number;
  name: string;
}

/** The account's staff, lead sources, companies and contact types. */
export class Directory {
  readonly staff = new Map<number, { id: number; email: string }>();
  readonly leadSources = new Map<number, Named>();
  readonly companies = new Map<number, Named>();
  contactTypes: readonly string[] = ['Prospect', 'Customer', 'Partner', 'Personal Contact', 'Vendor'];
  /** Whether API clients may create lead sources. */
  allowsLeadSources = true;
  /** Names of tags and custom fields that the account refuses to create, as an account at its maximum does. */
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

  #add(items: Map<number, Named>, name: string): Named {
    const item = { id: ++this.#lastId, name };
    items.set(item.id, item);
    return item;
  }
}
