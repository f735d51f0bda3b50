import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fresh, rejects, scalekit } from './harness.mjs';

test('domains: create, get, list, delete', async () => {
  const { organization } = await scalekit.organization.createOrganization(fresh('Domains '));
  const name = `${fresh('d')}.example`;
  const { domain } = await scalekit.domain.createDomain(organization.id, name, { domainType: 'ORGANIZATION_DOMAIN' });
  assert.match(domain.id, /^dom_\d{17,18}$/);
  assert.equal(domain.domain, name);
  const mail = (await scalekit.domain.createDomain(organization.id, `mail.${name}`, { domainType: 'ALLOWED_EMAIL_DOMAIN' })).domain;

  assert.equal((await scalekit.domain.getDomain(organization.id, domain.id)).domain.domain, name);
  assert.deepEqual((await scalekit.domain.listDomains(organization.id)).domains.map((d) => d.id).sort(), [domain.id, mail.id].sort());
  const only = await scalekit.domain.listDomains(organization.id, { domainType: 'ORGANIZATION_DOMAIN' });
  assert.deepEqual(only.domains.map((d) => d.id), [domain.id]);

  const other = (await scalekit.organization.createOrganization(fresh('Other '))).organization;
  await rejects(scalekit.domain.createDomain(other.id, name, { domainType: 'ORGANIZATION_DOMAIN' }), 'ScalekitConflictException');
  await rejects(scalekit.domain.getDomain(other.id, domain.id), 'ScalekitNotFoundException');
  await rejects(scalekit.domain.createDomain(organization.id, 'not a domain'), 'ScalekitBadRequestException');

  await scalekit.domain.deleteDomain(organization.id, domain.id);
  await rejects(scalekit.domain.getDomain(organization.id, domain.id), 'ScalekitNotFoundException');
});
