import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { Directory, Receiver, rest, scalekit } from './harness.mjs';

// The verifiers of the SDK and of Standard Webhooks, on what was really sent.
function verifies(secret, delivery) {
  const ours = scalekit.verifyWebhookPayload(secret, delivery.headers, delivery.body);
  const theirs = new Webhook(secret).verify(delivery.body, delivery.headers);
  return ours && theirs.id === delivery.headers['webhook-id'];
}

test('webhooks verify with one live secret, and with two', async () => {
  const dir = await Directory.make();
  const receiver = await Receiver.start(['organization.directory.user_created'], dir.org);
  const arrives = async (name) => {
    await dir.user(name);
    return receiver.next((e) => e.data.preferred_username === `${name}@${dir.domain}`);
  };

  const first = await arrives('ada');
  assert.equal(first.headers['webhook-signature'].split(' ').length, 1);
  assert.ok(verifies(receiver.secrets[0], first));
  assert.throws(() => scalekit.verifyWebhookPayload('whsec_' + Buffer.alloc(32).toString('base64'), first.headers, first.body));
  assert.throws(() => scalekit.verifyWebhookPayload(receiver.secrets[0], first.headers, first.body.replace('ada', 'eve')));

  const rotated = await rest('POST', `/api/v1/webhook_endpoints/${receiver.id}/secret:rotate`, { overlap_seconds: 3600 });
  const second = await arrives('ben');
  assert.equal(second.headers['webhook-signature'].split(' ').length, 2);
  assert.ok(verifies(receiver.secrets[0], second), 'the former secret');
  assert.ok(verifies(rotated.secret, second), 'the new secret');
  await receiver.stop();
});
