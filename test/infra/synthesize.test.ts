import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import * as z from 'zod';
import { synthesize } from '../../infra/app.ts';
import { ConfigError } from '../../infra/config.ts';
import { readAssembly } from '../local-cloud/template.ts';

const templateSchema = z.object({ Resources: z.record(z.string(), z.object({ Type: z.string() })) });

describe('synthesize', () => {
  const outdir = inject('assembly');
  const bundles = [...readAssembly(outdir).assets.values()].filter((path) =>
    existsSync(join(path, 'index.mjs')),
  );

  it('uses no custom resources and no functions of the CDK', () => {
    const template: unknown = JSON.parse(readFileSync(join(outdir, 'user-sync.template.json'), 'utf8'));
    const types = Object.values(templateSchema.parse(template).Resources).map(({ Type }) => Type);
    expect([...new Set(types)].toSorted()).toEqual([
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::DynamoDB::Table',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Lambda::EventSourceMapping',
      'AWS::Lambda::Function',
      'AWS::Lambda::Permission',
      'AWS::Logs::LogGroup',
      'AWS::SNS::Topic',
      'AWS::SNS::TopicPolicy',
      'AWS::SQS::Queue',
      'AWS::SQS::QueuePolicy',
      'AWS::Scheduler::Schedule',
      'AWS::Scheduler::ScheduleGroup',
      'AWS::SecretsManager::RotationSchedule',
      'AWS::SecretsManager::Secret',
      'AWS::StepFunctions::StateMachine',
    ]);
  });

  it('bundles each function as one ES module, with a source map that contains no sources', () => {
    expect(bundles).toHaveLength(5);
    for (const bundle of bundles) {
      expect(readdirSync(bundle).toSorted()).toEqual(['index.mjs', 'index.mjs.map']);
      const map = JSON.parse(readFileSync(join(bundle, 'index.mjs.map'), 'utf8'));
      expect(map.sources).toContainEqual(expect.stringMatching(/lambdas\/[a-z-]+\/handler\.ts$/));
      expect(map).not.toHaveProperty('sourcesContent');
      expect(codeOf(bundle)).toMatch(/export\{[^}]*\bas handler\b/);
    }
  });

  it('bundles all dependencies, including the AWS SDK', () => {
    for (const bundle of bundles) {
      const code = codeOf(bundle);
      const imported = [...code.matchAll(/(?:from|import\(?)"([^"]+)"/g)].map(([, name = '']) => name);
      expect(imported.length).toBeGreaterThan(0);
      for (const name of imported) expect(name).toSatisfy(isBuiltin);
      // esbuild writes this for a CommonJS package that requires a module outside the bundle.
      expect(code).not.toContain('Dynamic require of');
    }
  });

  it('bundles at most 1 MB of code per function', () => {
    for (const bundle of bundles) expect(codeOf(bundle).length, bundle).toBeLessThanOrEqual(1_000_000);
  });

  it('throws on invalid settings', () => {
    expect(() => synthesize({ stackName: '' })).toThrow(ConfigError);
  });
});

const codeOf = (bundle: string) => readFileSync(join(bundle, 'index.mjs'), 'utf8');
