// KMS and Secrets Manager by the current AWS SDK for JavaScript, as an application would use them.
// Prints one JSON document that kms_test.py judges. Arguments: the folder of node_modules.
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package.json");
const kms = require("@aws-sdk/client-kms");
const { SecretsManagerClient, CreateSecretCommand, GetSecretValueCommand, DescribeSecretCommand,
        UpdateSecretCommand } = require("@aws-sdk/client-secrets-manager");

const keys = new kms.KMSClient({ maxAttempts: 1 });
const secrets = new SecretsManagerClient({ maxAttempts: 1 });
const out = { refusals: {} };
const refusal = async (name, client, command) => {
  try {
    await client.send(command);
    out.refusals[name] = null;
  } catch (error) {
    out.refusals[name] = { name: error.name, status: error.$metadata?.httpStatusCode,
                           typed: error instanceof (kms[error.name] ?? Error) };
  }
};

const made = (await keys.send(new kms.CreateKeyCommand({
  Description: "of the SDK", Tags: [{ TagKey: "by", TagValue: "sdk" }] }))).KeyMetadata;
out.key = { ...made, created: made.CreationDate instanceof Date };
const KeyId = made.KeyId;
await keys.send(new kms.CreateAliasCommand({ AliasName: "alias/sdk", TargetKeyId: KeyId }));
const EncryptionContext = { tenant: "ü", purpose: "test" };
const Plaintext = Buffer.from([0, 255, 128, 10]);
const { CiphertextBlob } = await keys.send(new kms.EncryptCommand(
  { KeyId: "alias/sdk", Plaintext, EncryptionContext }));
const decrypt = more => new kms.DecryptCommand({ CiphertextBlob, EncryptionContext, ...more });
out.plaintext = Buffer.from((await keys.send(decrypt({}))).Plaintext).toString("hex");
out.byOther = (await keys.send(decrypt({ KeyId: made.Arn }))).KeyId === made.Arn;
const dataKey = await keys.send(new kms.GenerateDataKeyCommand(
  { KeyId: "alias/sdk", KeySpec: "AES_256" }));
const opened = await keys.send(new kms.DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob }));
out.dataKey = [dataKey.Plaintext.length,
               Buffer.compare(Buffer.from(dataKey.Plaintext), Buffer.from(opened.Plaintext))];
await keys.send(new kms.GenerateDataKeyWithoutPlaintextCommand({ KeyId, KeySpec: "AES_128" }));
const again = await keys.send(new kms.ReEncryptCommand({
  CiphertextBlob: dataKey.CiphertextBlob, DestinationKeyId: KeyId,
  DestinationEncryptionContext: EncryptionContext }));
out.again = Buffer.compare(Buffer.from((await keys.send(new kms.DecryptCommand(
  { CiphertextBlob: again.CiphertextBlob, EncryptionContext }))).Plaintext),
  Buffer.from(dataKey.Plaintext));
out.pages = [];
for await (const page of kms.paginateListKeys({ client: keys, pageSize: 1 }, {})) {
  out.pages.push(page.Keys.map(key => key.KeyId));
}

const other = (await keys.send(new kms.CreateKeyCommand({}))).KeyMetadata.KeyId;
const changed = Uint8Array.from(CiphertextBlob);
changed[changed.length - 1] ^= 1;
await refusal("incorrect", keys, decrypt({ KeyId: other }));
await refusal("changed", keys, decrypt({ CiphertextBlob: changed }));
await refusal("context", keys, decrypt({ EncryptionContext: { tenant: "u" } }));
await refusal("absent", keys, new kms.DescribeKeyCommand({ KeyId: "alias/absent" }));
await refusal("alias", keys, new kms.CreateAliasCommand(
  { AliasName: "alias/sdk", TargetKeyId: other }));
await refusal("spec", keys, new kms.CreateKeyCommand({ KeySpec: "RSA_2048",
                                                       KeyUsage: "SIGN_VERIFY" }));
await refusal("size", keys, new kms.EncryptCommand({ KeyId, Plaintext: Buffer.alloc(4097) }));
await refusal("window", keys, new kms.ScheduleKeyDeletionCommand(
  { KeyId, PendingWindowInDays: 6 }));

const SecretId = "sdk/secret";
await secrets.send(new CreateSecretCommand(
  { Name: SecretId, SecretString: "v1", KmsKeyId: "alias/sdk" }));
out.kmsKeyId = (await secrets.send(new DescribeSecretCommand({ SecretId }))).KmsKeyId;
const value = async () =>
  (await secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString;
out.values = [await value()];
const due = await keys.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
out.days = Math.round((due.DeletionDate - Date.now()) / 86_400_000);
await refusal("pending", keys, decrypt({}));
await refusal("pendingSecret", secrets, new GetSecretValueCommand({ SecretId }));
await keys.send(new kms.CancelKeyDeletionCommand({ KeyId }));
await refusal("disabled", keys, decrypt({}));
await refusal("disabledSecret", secrets, new GetSecretValueCommand({ SecretId }));
await keys.send(new kms.EnableKeyCommand({ KeyId }));
out.values.push(await value());
await secrets.send(new UpdateSecretCommand({ SecretId, KmsKeyId: other, SecretString: "v2" }));
await keys.send(new kms.DisableKeyCommand({ KeyId }));
out.values.push(await value());
console.log(JSON.stringify(out));
