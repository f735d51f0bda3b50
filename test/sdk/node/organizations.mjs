import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, fresh, rejects, scalekit } from './harness.mjs';

test('organizations: create, get, update, list, delete', async () => {
  const externalId = fresh('ext-');
  const name = fresh('Acme ');
  const { organization } = await scalekit.organization.createOrganization(name, { externalId });
  assert.match(organization.id, /^org_\d{17,18}$/);
  assert.equal(organization.displayName, name);
  assert.equal(organization.externalId, externalId);
  assert.ok(organization.createTime && organization.updateTime);

  assert.equal((await scalekit.organization.getOrganization(organization.id)).organization.displayName, name);
  assert.equal((await scalekit.organization.getOrganizationByExternalId(externalId)).organization.id, organization.id);
  await rejects(scalekit.organization.createOrganization('Another', { externalId }), 'ScalekitConflictException', /external|duplicate|already exists/i);
  await rejects(scalekit.organization.getOrganization('org_100000000000000000'), 'ScalekitNotFoundException');

  const renamed = fresh('Renamed ');
  const metadata = { plan: 'pro' };
  assert.equal((await scalekit.organization.updateOrganization(organization.id, { displayName: renamed, metadata })).organization.displayName, renamed);
  const { organization: kept } = await scalekit.organization.updateOrganizationByExternalId(externalId, { displayName: name });
  assert.equal(kept.displayName, name);
  assert.deepEqual(kept.metadata, metadata, 'an absent metadata map leaves what is stored');

  const ids = [];
  for (let pageToken = ''; ; ) {
    const page = await scalekit.organization.listOrganization({ pageSize: 10, pageToken });
    ids.push(...page.organizations.map((o) => o.id));
    assert.ok(page.totalSize >= page.organizations.length);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  assert.equal(ids.filter((id) => id === organization.id).length, 1, 'each organization is listed once');

  await scalekit.organization.deleteOrganization(organization.id);
  await rejects(scalekit.organization.getOrganization(organization.id), 'ScalekitNotFoundException');
});

test('organizations: settings, search and user limits', async () => {
  const name = fresh('Findable');
  const { organization } = await scalekit.organization.createOrganization(name);
  const on = await scalekit.organization.updateOrganizationSettings(organization.id, {
    features: [{ name: 'dir_sync', enabled: true }, { name: 'sso', enabled: false }],
  });
  const features = Object.fromEntries(on.organization.settings.features.map((f) => [f.name, f.enabled]));
  assert.deepEqual(features, { dir_sync: true, sso: false });

  const found = await scalekit.organization.searchOrganization(name.slice(0, -1), 10);
  assert.deepEqual(found.organizations.map((o) => o.id), [organization.id]);

  const set = await scalekit.organization.upsertUserManagementSettings(organization.id, { maxAllowedUsers: 25 });
  assert.equal(Number(set.maxAllowedUsers), 25);
  const got = await scalekit.organization.getOrganizationUserManagementSetting(organization.id);
  assert.equal(Number(got.settings.maxAllowedUsers), 25);
});

test('organizations: a portal link', async () => {
  const { organization } = await scalekit.organization.createOrganization(fresh('Linked '));
  const one = await scalekit.organization.generatePortalLink(organization.id);
  const two = await scalekit.organization.generatePortalLink(organization.id);
  assert.match(one.id, /^lnk_\d{17,18}$/);
  assert.notEqual(one.location, two.location);
  assert.ok(new URL(one.location).pathname.length > 20);
  const left = Number(one.expireTime.seconds) - Date.now() / 1000;
  assert.ok(left > 0 && left <= 61, `a link lives a minute, not ${left} s`);
  await rejects(scalekit.organization.generatePortalLink('org_100000000000000000'), 'ScalekitNotFoundException');
});

test('credentials: wrong ones are refused, and a slash or a path in the URL does no harm', async () => {
  await assert.rejects(connect(undefined, undefined, 'rca_wrong').organization.listOrganization());
  const slash = await connect(`${process.env.ROLLCALL_URL}/`).organization.listOrganization({ pageSize: 10 });
  assert.ok(slash.organizations);
});

test('what belongs to signing in is not implemented', async () => {
  const { organization } = await scalekit.organization.createOrganization(fresh('Out '));
  await rejects(scalekit.organization.getOrganizationSessionPolicy(organization.id), 'ScalekitNotImplementedException');
  await rejects(
    scalekit.organization.updateOrganizationSessionPolicy(organization.id, { policySource: 'APPLICATION' }), 'ScalekitNotImplementedException');
});
