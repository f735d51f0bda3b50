import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Directory, fresh, rejects, scalekit } from './harness.mjs';

test('directories: create, enable, disable, delete', async () => {
  const { organization } = await scalekit.organization.createOrganization(fresh('Directories '));
  const { directory } = await scalekit.directory.createDirectory(organization.id, { directoryType: 1, directoryProvider: 1 });
  assert.match(directory.id, /^dir_\d{17,18}$/);
  assert.equal(directory.enabled, false);
  assert.ok(directory.stats, 'a fresh directory has stats');
  assert.ok(directory.directoryEndpoint.includes(directory.id));

  assert.equal((await scalekit.directory.enableDirectory(organization.id, directory.id)).enabled, true);
  await rejects(scalekit.directory.deleteDirectory(organization.id, directory.id), 'ScalekitBadRequestException', /directory is enabled[^]*disable/i);

  const other = (await scalekit.directory.createDirectory(organization.id, { directoryType: 1, directoryProvider: 6 })).directory;
  const { directories } = await scalekit.directory.listDirectories(organization.id);
  assert.deepEqual(directories.map((d) => d.id), [directory.id, other.id]);
  assert.equal((await scalekit.directory.getPrimaryDirectoryByOrganizationId(organization.id)).id, directory.id);

  assert.equal((await scalekit.directory.disableDirectory(organization.id, directory.id)).enabled, false);
  await scalekit.directory.deleteDirectory(organization.id, directory.id);
  await rejects(scalekit.directory.getDirectory(organization.id, directory.id), 'ScalekitNotFoundException');
});

test('directories: users and groups, with pages, details and filters', async () => {
  const dir = await Directory.make();
  const users = [];
  for (const name of ['ada', 'ben', 'cem', 'dee', 'eli']) users.push(await dir.user(name, { title: 'Editor' }));
  const group = await dir.group('Editors', users[0].id, users[1].id);
  await dir.group('Nobody');

  const seen = [];
  for (let pageToken = ''; ; ) {
    const page = await scalekit.directory.listDirectoryUsers(dir.org, dir.id, { pageSize: 2, pageToken, includeDetail: true });
    assert.equal(page.totalSize, 5);
    seen.push(...page.users);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  assert.deepEqual(seen.map((u) => u.email).sort(), users.map((u) => u.emails[0].value).sort());
  assert.equal(seen[0].userDetail.title, 'Editor');
  assert.equal(seen[0].userDetail.active, true);

  const { groups, totalSize } = await scalekit.directory.listDirectoryGroups(dir.org, dir.id, { includeDetail: true });
  assert.equal(totalSize, 2);
  const editors = groups.find((g) => g.displayName === 'Editors');
  assert.equal(editors.totalUsers, 2);
  assert.equal(editors.id, group.id);

  const members = await scalekit.directory.listDirectoryUsers(dir.org, dir.id, { directoryGroupId: group.id });
  assert.deepEqual(members.users.map((u) => u.preferredUsername).sort(), [`ada@${dir.domain}`, `ben@${dir.domain}`]);
  assert.deepEqual(members.users[0].groups.map((g) => g.displayName), ['Editors']);

  const later = new Date(Date.now() + 60_000).toISOString();
  assert.equal((await scalekit.directory.listDirectoryUsers(dir.org, dir.id, { updatedAfter: later })).users.length, 0);
  assert.equal((await scalekit.directory.listDirectoryGroups(dir.org, dir.id, { updatedAfter: later })).groups.length, 0);

  await rejects(scalekit.directory.listDirectoryUsers(dir.org, dir.id, { pageSize: 31 }), 'ScalekitBadRequestException');
  await rejects(scalekit.directory.listDirectoryUsers(dir.org, dir.id, { pageToken: 'nonsense' }), 'ScalekitBadRequestException');
  const other = (await scalekit.organization.createOrganization(fresh('Other '))).organization;
  await rejects(scalekit.directory.listDirectoryUsers(other.id, dir.id), 'ScalekitNotFoundException');
});
