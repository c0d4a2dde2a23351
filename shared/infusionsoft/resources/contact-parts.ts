import { object, places, text } from './properties.ts';

// Lists of a contact in which each item has a fixed place. They are functions for the same reason as the properties of a resource.

export const emails = () => places('field', ['EMAIL1', 'EMAIL2', 'EMAIL3'], { email: text });
export const phones = () =>
  places('field', ['PHONE1', 'PHONE2', 'PHONE3', 'PHONE4', 'PHONE5'], {
    extension: text,
    number: text,
    type: text,
  });
export const faxes = () => places('field', ['FAX1', 'FAX2'], { number: text, type: text });
export const addresses = () =>
  places('field', ['BILLING', 'SHIPPING', 'OTHER'], {
    country_code: text,
    line1: text,
    line2: text,
    locality: text,
    postal_code: text,
    region: text,
    zip_code: text,
    zip_four: text,
  });
export const socialAccounts = () =>
  places('type', ['Facebook', 'Twitter', 'LinkedIn', 'Instagram', 'Snapchat', 'YouTube', 'Pinterest'], {
    name: text,
  });

/** The address of a company or a user, which has only one. */
export const address = () =>
  object({
    country_code: text,
    line1: text,
    line2: text,
    locality: text,
    region: text,
    zip_code: text,
    zip_four: text,
  });
