import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Directory, eventually, fresh, rejects, scalekit } from './harness.mjs';

const organization = async (prefix = 'Users ') => (await scalekit.organization.createOrganization(fresh(prefix))).organization;
const membershipIn = (user, org) => user.memberships.find((m) => m.organizationId === org.id);

async function role(prefix, permissions = []) {
  const name = fresh(`${prefix}_`);
  await scalekit.role.createRole({ name, displayName: prefix, permissions });
  return name;
}

async function pages(list) {
  const all = [];
  for (let token = ''; ; ) {
    const page = await list(token);
    all.push(...page.users);
    token = page.nextPageToken;
    if (token === '') return all;
  }
}

test('users: create, get, update, list, search, delete', async () => {
  const org = await organization();
  const email = `${fresh('ada')}@elsewhere.example`;
  const externalId = fresh('u-');
  const { user } = await scalekit.user.createUserAndMembership(org.id, {
    email, externalId, userProfile: { firstName: 'Ada', lastName: 'Quist' }, metadata: { team: 'blue' }, sendInvitationEmail: false,
  });
  assert.match(user.id, /^usr_\d{17,18}$/);
  assert.equal(user.email, email);
  assert.equal(user.userProfile.givenName, 'Ada');
  assert.equal(user.userProfile.familyName, 'Quist');
  assert.ok(membershipIn(user, org));

  assert.equal((await scalekit.user.getUser(user.id)).user.email, email);
  assert.equal((await scalekit.user.getUserByExternalId(externalId)).user.id, user.id);
  await rejects(scalekit.user.createUserAndMembership(org.id, { email }), 'ScalekitConflictException');
  await rejects(scalekit.user.getUser('usr_100000000000000000'), 'ScalekitNotFoundException');

  const named = await scalekit.user.updateUser(user.id, { userProfile: { firstName: 'Adele' } });
  assert.equal(named.user.userProfile.givenName, 'Adele');
  assert.equal(named.user.userProfile.familyName, 'Quist', 'what is not sent stays');
  const noted = await scalekit.user.updateUserByExternalId(externalId, { metadata: { team: 'red' } });
  assert.equal(noted.user.metadata.team, 'red');
  assert.equal(noted.user.userProfile.givenName, 'Adele');

  assert.ok((await pages((pageToken) => scalekit.user.listUsers({ pageSize: 30, pageToken }))).some((u) => u.id === user.id));
  assert.deepEqual((await pages((pageToken) => scalekit.user.listOrganizationUsers(org.id, { pageSize: 1, pageToken }))).map((u) => u.id), [user.id]);
  assert.deepEqual((await scalekit.user.searchUsers(email)).users.map((u) => u.id), [user.id]);
  assert.deepEqual((await scalekit.user.searchOrganizationUsers(org.id, email.slice(0, 12))).users.map((u) => u.id), [user.id]);
  const other = await organization('Other ');
  assert.deepEqual((await scalekit.user.searchOrganizationUsers(other.id, email)).users, []);

  await scalekit.user.deleteUser(user.id);
  await rejects(scalekit.user.getUser(user.id), 'ScalekitNotFoundException');
  const again = (await scalekit.user.createUserAndMembership(org.id, { email, externalId })).user;
  await scalekit.user.deleteUserByExternalId(externalId);
  await rejects(scalekit.user.getUser(again.id), 'ScalekitNotFoundException');
});

test('memberships: a user in several organizations, with roles', async () => {
  const [home, second] = [await organization('Home '), await organization('Second ')];
  const read = `${fresh('read')}:all`;
  await scalekit.permission.createPermission({ name: read, description: 'Read all' });
  const [reader, writer] = [await role('reader', [read]), await role('writer')];
  const externalId = fresh('m-');
  const { user } = await scalekit.user.createUserAndMembership(home.id, { email: `${fresh('ben')}@elsewhere.example`, externalId });

  const joined = (await scalekit.user.createMembership(second.id, user.id, { roles: [reader], metadata: { seat: 'window' } })).user;
  assert.deepEqual(membershipIn(joined, second).roles.map((r) => r.name), [reader]);
  await rejects(scalekit.user.updateMembership(second.id, user.id, { roles: ['no_such_role'] }), 'ScalekitNotFoundException');
  assert.deepEqual((await scalekit.user.listUserRoles(second.id, user.id)).roles.map((r) => r.name), [reader]);
  assert.ok((await scalekit.user.listUserPermissions(second.id, user.id)).permissions.some((p) => p.name === read));

  const updated = (await scalekit.user.updateMembership(second.id, user.id, { roles: [writer] })).user;
  assert.deepEqual(membershipIn(updated, second).roles.map((r) => r.name), [writer]);
  const assigned = (await scalekit.user.assignUserRoles(second.id, user.id, [reader])).roles.map((r) => r.name);
  assert.ok(assigned.includes(reader));
  await scalekit.user.removeUserRole(second.id, user.id, reader);
  assert.ok(!(await scalekit.user.listUserRoles(second.id, user.id)).roles.some((r) => r.name === reader));

  await scalekit.user.deleteMembership(second.id, user.id);
  assert.deepEqual((await scalekit.user.listOrganizationUsers(second.id)).users, []);
  await scalekit.user.createMembershipByExternalId(second.id, externalId, { roles: [reader] });
  const changed = (await scalekit.user.updateMembershipByExternalId(second.id, externalId, { roles: [writer] })).user;
  assert.deepEqual(membershipIn(changed, second).roles.map((r) => r.name), [writer]);
  await scalekit.user.deleteMembershipByExternalId(second.id, externalId);
  assert.deepEqual((await scalekit.user.listOrganizationUsers(second.id)).users, []);
  await rejects(scalekit.user.deleteMembership(second.id, user.id), 'ScalekitNotFoundException');
});

test('invitations can be sent again', async () => {
  const org = await organization('Invited ');
  const { user } = await scalekit.user.createUserAndMembership(org.id, { email: `${fresh('cem')}@elsewhere.example`, sendInvitationEmail: true });
  const sent = await scalekit.user.resendInvite(org.id, user.id);
  assert.ok(sent.invite);
});

test('a user of the directory and of the API is one record, and the last write wins', async () => {
  const dir = await Directory.make();
  const made = await dir.user('mara', { title: 'Editor' });
  const email = `mara@${dir.domain}`;
  const user = await eventually(async () => {
    const { users } = await scalekit.user.listOrganizationUsers(dir.org, { pageSize: 10 });
    assert.equal(users.length, 1);
    return users[0];
  });
  assert.equal(user.email, email);
  await rejects(scalekit.user.createUserAndMembership(dir.org, { email }), 'ScalekitConflictException');

  await scalekit.user.updateUser(user.id, { userProfile: { firstName: 'Marie' } });
  assert.equal((await dir.scim('GET', `/Users/${made.id}`)).name.givenName, 'Marie');
  await dir.patch(`/Users/${made.id}`, { op: 'replace', path: 'name.givenName', value: 'Maria' });
  assert.equal((await scalekit.user.getUser(user.id)).user.userProfile.givenName, 'Maria');
});
