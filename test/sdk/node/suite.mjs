// The whole suite in one process, so that in the end it can be said which of the
// SDK's methods were called.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { called, methods } from './harness.mjs';
import './organizations.mjs';
import './directories.mjs';
import './domains.mjs';
import './roles.mjs';
import './users.mjs';
import './eventlog.mjs';
import './webhooks.mjs';
import './guides.mjs';

after(() => {
  for (const group of ['organization', 'directory', 'domain', 'role', 'permission', 'user', 'events']) {
    const missing = methods(group).filter((m) => !called.has(`${group}.${m}`));
    assert.deepEqual(missing, [], `methods of ${group} that no test calls`);
  }
});
