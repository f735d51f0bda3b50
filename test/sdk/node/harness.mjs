// What the parts of the suite share: a client of the running server that notes
// which methods were called, a directory's SCIM endpoint, and a receiver of
// webhooks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import sdk from '@scalekit-sdk/node';

export const { ScalekitClient } = sdk;
export const errors = sdk;
export const url = process.env.ROLLCALL_URL;
const id = process.env.ROLLCALL_CLIENT_ID;
const secret = process.env.ROLLCALL_CLIENT_SECRET;

// called holds "client.method" for every method that was called.
export const called = new Set();

// watched returns the client with each of its groups wrapped.
function watched(client) {
  return new Proxy(client, {
    get(target, group) {
      const inner = target[group];
      if (typeof inner === 'function') return inner.bind(target);
      if (inner === null || typeof inner !== 'object' || group === 'coreClient' || group === 'grpcConnect') return inner;
      return new Proxy(inner, {
        get(it, method) {
          if (typeof it[method] !== 'function') return it[method];
          return (...args) => {
            called.add(`${String(group)}.${String(method)}`);
            return it[method](...args);
          };
        },
      });
    },
  });
}

// connect makes a client; with a trailing slash or a path it is what somebody
// might configure.
export const connect = (base = url, clientId = id, clientSecret = secret) => watched(new ScalekitClient(base, clientId, clientSecret));
export const scalekit = connect();

let n = 0;
// fresh returns a name that nothing else in this run has.
export const fresh = (prefix) => `${prefix}${Date.now().toString(36)}${(n++).toString(36)}`;

// methods returns the names of what a group of the SDK can do.
export function methods(group) {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(scalekit[group])).filter((m) => m !== 'constructor' && m !== 'resolveDomainType');
}

// rejects asks for a failure of one class, with a text in it.
export async function rejects(promise, name, text = /./) {
  await assert.rejects(promise, (e) => {
    assert.ok(e instanceof errors[name], `${e?.constructor?.name}: ${e?.message}; want ${name}`);
    assert.match(e.message, text);
    return true;
  });
}

// eventually repeats f until it does not throw.
export async function eventually(f, within = 30_000) {
  for (const end = Date.now() + within; ; await sleep(50)) {
    try {
      return await f();
    } catch (e) {
      if (Date.now() > end) throw e;
    }
  }
}

// rest calls what the SDK has no method for.
export async function rest(method, path, body) {
  const token = await scalekit.generateClientToken(id, secret);
  const res = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await res.text();
  assert.ok(res.ok, `${method} ${path}: ${res.status} ${text}`);
  return text === '' ? {} : JSON.parse(text);
}

// Directory is an enabled directory and its provider's side.
export class Directory {
  static async make(options = {}) {
    const { organization } = await scalekit.organization.createOrganization(fresh('Organization '));
    const domain = `${fresh('d')}.example`;
    await scalekit.domain.createDomain(organization.id, domain, { domainType: 'ORGANIZATION_DOMAIN' });
    const { directory } = await scalekit.directory.createDirectory(organization.id, { directoryType: 1, directoryProvider: 1, ...options });
    const made = await rest('POST', `/api/v1/organizations/${organization.id}/directories/${directory.id}/secrets`, {});
    await scalekit.directory.enableDirectory(organization.id, directory.id);
    const { directory: shown } = await scalekit.directory.getDirectory(organization.id, directory.id);
    return Object.assign(new Directory(), {
      org: organization.id, id: directory.id, domain, base: shown.directoryEndpoint, token: made.plain_secret,
    });
  }

  async scim(method, path, body) {
    const res = await fetch(this.base + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/scim+json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await res.text();
    assert.ok(res.ok, `${method} ${path}: ${res.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  }

  user(name, more = {}) {
    return this.scim('POST', '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: `${name}@${this.domain}`,
      name: { givenName: name, familyName: 'Quist' },
      emails: [{ value: `${name}@${this.domain}`, primary: true }],
      active: true,
      ...more,
    });
  }

  group(name, ...members) {
    return this.scim('POST', '/Groups', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
      displayName: name,
      members: members.map((value) => ({ value })),
    });
  }

  patch(path, ...Operations) {
    return this.scim('PATCH', path, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations });
  }
}

// Receiver is an application's webhook handler: it keeps the raw bodies.
export class Receiver {
  static async start(eventTypes, organization) {
    const r = new Receiver();
    r.got = [];
    r.server = createServer(async (req, res) => {
      const parts = [];
      for await (const part of req) parts.push(part);
      r.got.push({ headers: req.headers, body: Buffer.concat(parts).toString('utf8') });
      res.writeHead(200).end();
    });
    r.server.listen(0, '127.0.0.1');
    await once(r.server, 'listening');
    const made = await rest('POST', '/api/v1/webhook_endpoints', {
      url: `http://127.0.0.1:${r.server.address().port}/hooks`, event_types: eventTypes, organization_id: organization, enabled: true,
    });
    r.id = made.endpoint.id;
    r.secrets = [made.secret];
    return r;
  }

  // next waits for the first delivery that fits, among all that came.
  next(fits) {
    return eventually(() => {
      const found = this.got.find((d) => fits(JSON.parse(d.body)));
      assert.ok(found, `none of ${this.got.length} deliveries fits: ${this.got.map((d) => JSON.parse(d.body).type)}`);
      return found;
    });
  }

  async stop() {
    await rest('DELETE', `/api/v1/webhook_endpoints/${this.id}`);
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
