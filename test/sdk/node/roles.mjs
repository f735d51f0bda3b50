import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fresh, rejects, scalekit } from './harness.mjs';

const name = (prefix) => fresh(`${prefix}_`);

test('permissions: create, get, list, update, delete', async () => {
  const permission = `${name('articles')}:read`;
  const made = await scalekit.permission.createPermission({ name: permission, description: 'Read articles' });
  assert.match(made.permission.id, /^perm_\d{17,18}$/);
  await rejects(scalekit.permission.createPermission({ name: permission, description: 'again' }), 'ScalekitConflictException');
  assert.equal((await scalekit.permission.getPermission(permission)).permission.description, 'Read articles');
  const updated = await scalekit.permission.updatePermission(permission, { name: permission, description: 'Read all articles' });
  assert.equal(updated.permission.description, 'Read all articles');
  const all = [];
  for (let token = ''; ; ) {
    const page = await scalekit.permission.listPermissions(token, 10);
    all.push(...page.permissions.map((p) => p.name));
    token = page.nextPageToken;
    if (token === '') break;
  }
  assert.equal(all.filter((p) => p === permission).length, 1);
  await scalekit.permission.deletePermission(permission);
  await rejects(scalekit.permission.getPermission(permission), 'ScalekitNotFoundException');
});

test('roles: create, extend, count, reassign', async () => {
  const read = `${name('posts')}:read`;
  const write = `${name('posts')}:write`;
  for (const p of [read, write]) await scalekit.permission.createPermission({ name: p, description: p });

  const reader = name('reader');
  const writer = name('writer');
  const { role } = await scalekit.role.createRole({ name: reader, displayName: 'Reader', description: 'Reads', permissions: [read] });
  assert.match(role.id, /^role_\d{17,18}$/);
  await scalekit.role.createRole({ name: writer, displayName: 'Writer', extends: reader, permissions: [] });
  await rejects(scalekit.role.createRole({ name: reader, displayName: 'Again', permissions: [] }), 'ScalekitConflictException');
  await rejects(scalekit.role.createRole({ name: 'with-hyphen', displayName: 'Bad', permissions: [] }), 'ScalekitBadRequestException');

  assert.ok((await scalekit.permission.addPermissionsToRole(writer, [write])).permissions.some((p) => p.name === write));
  assert.deepEqual((await scalekit.permission.listRolePermissions(writer)).permissions.map((p) => p.name), [write]);
  const effective = (await scalekit.permission.listEffectiveRolePermissions(writer)).permissions.map((p) => p.name).sort();
  assert.deepEqual(effective, [read, write].sort());
  await scalekit.permission.removePermissionFromRole(writer, write);
  assert.deepEqual((await scalekit.permission.listRolePermissions(writer)).permissions, []);

  assert.deepEqual((await scalekit.role.listDependentRoles(reader)).roles.map((r) => r.name), [writer]);
  await rejects(scalekit.role.deleteRole(reader), 'ScalekitBadRequestException');
  await scalekit.role.deleteRoleBase(writer);
  assert.deepEqual((await scalekit.role.listDependentRoles(reader)).roles, []);

  assert.equal((await scalekit.role.getRole(writer)).role.displayName, 'Writer');
  assert.equal((await scalekit.role.updateRole(writer, { displayName: 'Author' })).role.displayName, 'Author');
  assert.ok((await scalekit.role.listRoles()).roles.some((r) => r.name === writer));
  assert.equal(Number((await scalekit.role.getRoleUsersCount(writer)).count), 0);
  await scalekit.role.deleteRole(writer, reader);
  await rejects(scalekit.role.getRole(writer), 'ScalekitNotFoundException');
});

test('roles: the defaults', async () => {
  const before = (await scalekit.role.listRoles()).roles.find((r) => r.defaultMember)?.name;
  const member = name('member');
  await scalekit.role.createRole({ name: member, displayName: 'Member', permissions: [] });
  await scalekit.role.updateDefaultRoles({ defaultMemberRole: member });
  assert.equal((await scalekit.role.getRole(member)).role.defaultMember, true);
  if (before) await scalekit.role.updateDefaultRoles({ defaultMemberRole: before });
});

test('organization roles', async () => {
  const { organization } = await scalekit.organization.createOrganization(fresh('Roles '));
  const other = (await scalekit.organization.createOrganization(fresh('Other '))).organization;
  const base = name('base');
  const own = name('own');
  await scalekit.role.createOrganizationRole(organization.id, { name: base, displayName: 'Base', permissions: [] });
  const { role } = await scalekit.role.createOrganizationRole(organization.id, { name: own, displayName: 'Own', extends: base, permissions: [] });
  assert.equal(role.isOrgRole, true);
  assert.equal((await scalekit.role.getOrganizationRole(organization.id, own)).role.id, role.id);
  await rejects(scalekit.role.getOrganizationRole(other.id, own), 'ScalekitNotFoundException');
  assert.ok((await scalekit.role.listOrganizationRoles(organization.id)).roles.some((r) => r.name === own));
  assert.ok(!(await scalekit.role.listOrganizationRoles(other.id)).roles.some((r) => r.name === own));
  assert.equal((await scalekit.role.updateOrganizationRole(organization.id, own, { displayName: 'Ours' })).role.displayName, 'Ours');
  assert.equal(Number((await scalekit.role.getOrganizationRoleUsersCount(organization.id, own)).count), 0);
  await scalekit.role.updateDefaultOrganizationRoles(organization.id, own);
  await scalekit.role.deleteOrganizationRoleBase(organization.id, own);
  await scalekit.role.deleteOrganizationRole(organization.id, own, base);
  await rejects(scalekit.role.getOrganizationRole(organization.id, own), 'ScalekitNotFoundException');
});
