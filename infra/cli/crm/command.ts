import { createGroup } from '../create-command.ts';
import get from './get.ts';
import list from './list.ts';
import resources from './resources.ts';

export default createGroup({
  description:
    'Lists and reads anything in the CRM, at a low rate, which is taken from the sync while the command runs. Changes nothing.',
  commands: { list, get, resources },
});
