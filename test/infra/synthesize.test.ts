import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ConfigError } from '../../infra/config.ts';
import { BUDGET_BYTES, bundleSizes } from '../../infra/operate/bundle-sizes.ts';
import { refusedLicences } from '../../infra/operate/shipped/licences.ts';
import { shippedPackages } from '../../infra/operate/shipped/shipped-packages.ts';
import { synthesize } from '../../infra/synthesize.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const templateSchema = z.object({ Resources: z.record(z.string(), z.object({ Type: z.string() })) });

describe('synthesize', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'user-sync-'));
  afterAll(() => rmSync(outdir, { recursive: true }));
  let bundles: string[] = [];
  beforeAll(() => {
    synthesize({}, { outdir });
    bundles = bundleSizes(outdir).functions.map(({ path }) => dirname(path));
  }, 120_000);

  it('writes the assembly where it is told to', () => {
    expect(readdirSync(outdir)).toContain('manifest.json');
  });

  it('needs nothing but plain resources: no custom ones, no functions of the CDK', () => {
    const template: unknown = JSON.parse(readFileSync(join(outdir, 'UserSync.template.json'), 'utf8'));
    const types = Object.values(templateSchema.parse(template).Resources).map(({ Type }) => Type);
    expect([...new Set(types)].toSorted()).toEqual([
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::DynamoDB::Table',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Function',
      'AWS::Lambda::LayerVersion',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::SNS::Topic',
      'AWS::SNS::TopicPolicy',
      'AWS::SQS::Queue',
      'AWS::SQS::QueuePolicy',
      'AWS::Scheduler::Schedule',
      'AWS::SecretsManager::RotationSchedule',
      'AWS::SecretsManager::Secret',
      'AWS::StepFunctions::StateMachine',
    ]);
  });

  it('bundles each function as one ES module, with a source map of places and no sources', () => {
    expect(bundles).toHaveLength(5);
    for (const bundle of bundles) {
      expect(readdirSync(bundle).toSorted()).toEqual(['index.mjs', 'index.mjs.map']);
      const map = JSON.parse(readFileSync(join(bundle, 'index.mjs.map'), 'utf8'));
      expect(map.sources).toContainEqual(expect.stringMatching(/lambdas\/[a-z-]+\/handler\.ts$/));
      expect(map).not.toHaveProperty('sourcesContent');
      expect(codeOf(bundle)).toMatch(/export\{[^}]*\bas handler\b/);
    }
  });

  it('leaves nothing to the runtime but Node, and nothing to the layer but the AWS SDK', () => {
    for (const bundle of bundles) {
      const code = codeOf(bundle);
      const imported = [...code.matchAll(/(?:from|import\(?)"([^"]+)"/g)].map(([, name = '']) => name);
      expect(imported.length).toBeGreaterThan(0);
      for (const name of imported) expect(name).toMatch(/^(node:|\/opt\/aws-sdk\/)/);
      // esbuild's stand-in for a CommonJS package that asks for what the bundle has not.
      expect(code).not.toContain('Dynamic require of');
    }
  });

  it('has a layer that loads nothing but its own files and Node', () => {
    const [layer] = bundleSizes(outdir).layers;
    const directory = join(layer?.directory ?? '', 'aws-sdk');
    const files = readdirSync(directory);
    expect(files).toContain('client-dynamodb.mjs');
    for (const file of files) {
      const code = readFileSync(join(directory, file), 'utf8');
      for (const [, name = ''] of code.matchAll(/(?:from|import)"([^"]+)"/g))
        expect(name, file).toMatch(/^(node:|\.\/)/);
      expect(code).not.toContain('Dynamic require of');
    }
  });

  it('has sync-contact load what it needs for failures alone at the first of them', () => {
    const { path = '' } = bundleSizes(outdir).functions.find(({ id }) => id.startsWith('ContactSync')) ?? {};
    const code = readFileSync(path, 'utf8');
    expect(code).toContain('import("/opt/aws-sdk/client-sqs.mjs")');
    expect(code).not.toContain('from"/opt/aws-sdk/client-sqs.mjs"');
  });

  it('keeps every bundle within the budget, and the layer', () => {
    const { functions, layers } = bundleSizes(outdir);
    expect(functions).toHaveLength(5);
    expect(layers).toHaveLength(1);
    for (const { id, bytes } of [...functions, ...layers]) {
      expect(bytes, id).toBeGreaterThan(50_000);
      expect(bytes, id).toBeLessThanOrEqual(BUDGET_BYTES);
    }
  });

  it('ships nothing but packages whose licences allow it', () => {
    const packages = shippedPackages(outdir, ROOT);
    expect(packages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ky', 'libphonenumber-js', 'zod', '@aws-sdk/client-dynamodb', '@smithy/core']),
    );
    for (const { shippedIn } of packages) expect(shippedIn.length).toBeGreaterThan(0);
    expect(refusedLicences(packages)).toEqual([]);
  });

  it('refuses wrong settings', () => {
    expect(() => synthesize({ stackName: '' })).toThrow(ConfigError);
  });
});

const codeOf = (bundle: string) => readFileSync(join(bundle, 'index.mjs'), 'utf8');
