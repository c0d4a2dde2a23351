import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeBundle } from '../../local-cloud/write-bundle.ts';

const VERSION = '36.0.0';

/**
 * Writes an assembly as `cdk synth` would: manifest, template and bundles.
 *
 * @param bundles code of the functions by asset: the template knows an asset as `<name>.zip`.
 */
export function writeAssembly(directory: string, template: unknown, bundles: Record<string, string>): void {
  const write = (file: string, content: unknown) =>
    writeFileSync(join(directory, file), JSON.stringify(content));
  const files = Object.entries(bundles).map(([name, code]) => {
    writeBundle(join(directory, `asset.${name}`), code);
    const destinations = { here: { bucketName: 'assets', objectKey: `${name}.zip` } };
    return [name, { source: { path: `asset.${name}`, packaging: 'zip' }, destinations }];
  });
  write('Fixture.template.json', template);
  write('Fixture.assets.json', { version: VERSION, files: Object.fromEntries(files) });
  write('manifest.json', {
    version: VERSION,
    artifacts: {
      'Fixture.assets': { type: 'cdk:asset-manifest', properties: { file: 'Fixture.assets.json' } },
      Fixture: {
        type: 'aws:cloudformation:stack',
        environment: 'aws://unknown-account/eu-west-1',
        properties: { templateFile: 'Fixture.template.json' },
        dependencies: ['Fixture.assets'],
      },
    },
  });
}
