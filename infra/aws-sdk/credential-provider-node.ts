/**
 * Where the clients of the layer look for credentials: Lambda gives a function its role's in environment variables (Lambda developer
 * guide, "Defined runtime environment variables"), so the other providers of the SDK's chain, which it loads all, are left out.
 */
export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';
