import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Directory, errors, eventually, scalekit } from './harness.mjs';

test('events: pages, by type and organization', async () => {
  const dir = await Directory.make();
  for (const name of ['ada', 'ben', 'cem']) await dir.user(name);
  const filter = { eventTypes: ['organization.directory.user_created'], organizationId: dir.org };
  const all = await eventually(async () => {
    const events = [];
    for (let token; ; ) {
      const page = await scalekit.events.listEventsPaginated(2, token, filter);
      events.push(...page.events);
      token = page.nextPageToken;
      if (token === '') break;
    }
    assert.equal(events.length, 3);
    return events;
  });
  assert.equal(new Set(all.map((e) => e.id)).size, 3);
  for (const e of all) {
    assert.equal(e.type, 'organization.directory.user_created');
    assert.equal(e.organizationId, dir.org);
    assert.equal(e.object, errors.ObjectType.DirectoryUser);
    assert.match(e.data.email, new RegExp(`@${dir.domain}$`));
  }
});
