// What the guides of the product show, step by step, with their slips mended.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Directory, fresh, Receiver, rest, scalekit } from './harness.mjs';

test('fetch directories, users and groups', async () => {
  const dir = await Directory.make();
  await dir.group('Readers', (await dir.user('mara')).id);

  const { directories } = await scalekit.directory.listDirectories(dir.org);
  const directory = await scalekit.directory.getPrimaryDirectoryByOrganizationId(dir.org);
  assert.equal(directories[0].id, directory.id);
  const { users } = await scalekit.directory.listDirectoryUsers(dir.org, directory.id);
  const { groups } = await scalekit.directory.listDirectoryGroups(dir.org, directory.id);
  assert.deepEqual([users.map((u) => u.email), groups.map((g) => g.displayName)], [[`mara@${dir.domain}`], ['Readers']]);
});

test('a group gives a role, the webhook brings it, and leaving takes it away', async () => {
  const dir = await Directory.make();
  const role = fresh('editor_');
  await scalekit.role.createRole({ name: role, displayName: 'Editor', permissions: [] });
  const user = await dir.user('mara');
  const group = await dir.group('Editors');
  await rest('PUT', `/api/v1/organizations/${dir.org}/directories/${dir.id}/groups/-/roles:assign`, {
    assignments: [{ group_id: group.id, role_name: role }],
  });
  const receiver = await Receiver.start(['organization.directory.user_updated'], dir.org);

  // The application's handler: who may do what, by e-mail.
  const allowed = new Map();
  const handle = (delivery) => {
    assert.ok(scalekit.verifyWebhookPayload(receiver.secrets[0], delivery.headers, delivery.body));
    const event = JSON.parse(delivery.body);
    allowed.set(event.data.email, event.data.roles[0]?.role_name);
  };

  await dir.patch(`/Groups/${group.id}`, { op: 'add', path: 'members', value: [{ value: user.id }] });
  handle(await receiver.next((e) => e.data.roles[0]?.role_name === role));
  assert.equal(allowed.get(`mara@${dir.domain}`), role);

  await dir.patch(`/Groups/${group.id}`, { op: 'remove', path: `members[value eq "${user.id}"]` });
  handle(await receiver.next((e) => e.data.version > 2 && e.data.roles[0]?.role_name !== role));
  assert.notEqual(allowed.get(`mara@${dir.domain}`), role);
  await receiver.stop();
});
