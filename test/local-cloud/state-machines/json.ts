/** A document that states pass on. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
