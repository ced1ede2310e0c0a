import { OPTIONAL_RULES } from '../normalize/names.ts';
import { flag, type Given, type OptionSpec, text } from './command.ts';
import { readList } from './values.ts';

/** What verbs that make records can be told of them. */
export const PRIVACY_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--hash-identities',
    about: 'keep users and addresses as keyed hashes, and nothing in extra that could say them',
  },
  {
    flags: '--remove <LIST>',
    about: `take these out too, wherever they stand but in user_id: ${OPTIONAL_RULES.join(', ')}`,
    suggests: () => OPTIONAL_RULES,
    isList: true,
  },
];

export interface GivenPrivacy {
  readonly hashIdentities: boolean;
  readonly remove: readonly string[];
}

export const readPrivacy = (given: Given): GivenPrivacy => ({
  hashIdentities: flag(given, 'hashIdentities'),
  remove: readList(text(given, 'remove') ?? '', '--remove', OPTIONAL_RULES),
});
