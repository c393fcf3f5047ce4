// S3 and SSM by the current AWS SDK for JavaScript, with the credentials of an assumed role. Prints
// one JSON document that s3_test.py judges. Arguments: the folder of node_modules.
import { createRequire } from "node:module";
import { Readable } from "node:stream";
const require = createRequire(process.argv[2] + "/package.json");
const { STSClient, AssumeRoleCommand, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const s3 = require("@aws-sdk/client-s3");
const ssm = require("@aws-sdk/client-ssm");

const out = { refusals: {} };
const refusal = async (name, client, command) => {
  try {
    await client.send(command);
    out.refusals[name] = null;
  } catch (error) {
    out.refusals[name] = [error.name, error.$metadata?.httpStatusCode];
  }
};

const root = new STSClient({ maxAttempts: 1 });
const account = (await root.send(new GetCallerIdentityCommand({}))).Account;
const RoleArn = `arn:aws:iam::${account}:role/cdk-hnb659fds-file-publishing-role-${account}`;
const assumed = await root.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "sdk" }));
out.hours = Math.round((assumed.Credentials.Expiration - Date.now()) / 3600e3);
const credentials = { accessKeyId: assumed.Credentials.AccessKeyId,
                      secretAccessKey: assumed.Credentials.SecretAccessKey,
                      sessionToken: assumed.Credentials.SessionToken };
out.who = (await new STSClient({ credentials }).send(new GetCallerIdentityCommand({}))).Arn
  .split(":").at(-1);
await refusal("token", new STSClient({ maxAttempts: 1, credentials:
  { ...credentials, sessionToken: credentials.sessionToken.slice(0, -8) + "AAAAAAAA" } }),
  new GetCallerIdentityCommand({}));

const objects = new s3.S3Client({ maxAttempts: 1, credentials });
const Bucket = "sdk-assets";
await objects.send(new s3.CreateBucketCommand({ Bucket }));
await refusal("again", objects, new s3.CreateBucketCommand({ Bucket }));
await objects.send(new s3.PutBucketVersioningCommand(
  { Bucket, VersioningConfiguration: { Status: "Enabled" } }));
await objects.send(new s3.PutBucketTaggingCommand(
  { Bucket, Tagging: { TagSet: [{ Key: "k", Value: "<v>" }] } }));
out.tags = (await objects.send(new s3.GetBucketTaggingCommand({ Bucket }))).TagSet;
out.location = (await objects.send(new s3.GetBucketLocationCommand({ Bucket }))).LocationConstraint
  ?? null;
out.encryption = (await objects.send(new s3.GetBucketEncryptionCommand({ Bucket })))
  .ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm;

const put = await objects.send(new s3.PutObjectCommand(
  { Bucket, Key: "dir/ä b+c.json", Body: "{}", ContentType: "application/json",
    Metadata: { who: "me" } }));
out.put = [put.ETag, put.ChecksumCRC32, typeof put.VersionId];
const bytes = Buffer.alloc(300_000, 7);
const streamed = await objects.send(new s3.PutObjectCommand(
  { Bucket, Key: "stream", Body: Readable.from([bytes.subarray(0, 100_000),
    bytes.subarray(100_000)]), ContentLength: bytes.length }));
out.streamed = typeof streamed.ChecksumCRC32;
const got = await objects.send(new s3.GetObjectCommand({ Bucket, Key: "stream" }));
out.same = Buffer.compare(Buffer.from(await got.Body.transformToByteArray()), bytes);
const first = await objects.send(new s3.GetObjectCommand({ Bucket, Key: "dir/ä b+c.json" }));
out.first = [await first.Body.transformToString(), first.ContentType, first.Metadata,
             first.LastModified instanceof Date];
out.head = (await objects.send(new s3.HeadObjectCommand({ Bucket, Key: "stream" }))).ContentLength;
out.range = await (await objects.send(new s3.GetObjectCommand(
  { Bucket, Key: "dir/ä b+c.json", Range: "bytes=1-5" }))).Body.transformToString();
for (const Key of ["a/1", "a/2", "b/1"]) {
  await objects.send(new s3.PutObjectCommand({ Bucket, Key, Body: Key }));
}
out.pages = [];
for await (const page of s3.paginateListObjectsV2({ client: objects, pageSize: 2 }, { Bucket })) {
  out.pages.push((page.Contents ?? []).map(one => one.Key));
}
out.prefixes = (await objects.send(new s3.ListObjectsV2Command({ Bucket, Delimiter: "/" })))
  .CommonPrefixes.map(one => one.Prefix);
const { UploadId } = await objects.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "big" }));
const Parts = [];
for (const [index, Body] of [Buffer.alloc(5 << 20, 1), Buffer.from("end")].entries()) {
  const { ETag } = await objects.send(new s3.UploadPartCommand(
    { Bucket, Key: "big", UploadId, PartNumber: index + 1, Body }));
  Parts.push({ ETag, PartNumber: index + 1 });
}
await objects.send(new s3.CompleteMultipartUploadCommand(
  { Bucket, Key: "big", UploadId, MultipartUpload: { Parts } }));
out.big = (await objects.send(new s3.HeadObjectCommand({ Bucket, Key: "big" }))).ContentLength;
await refusal("noKey", objects, new s3.GetObjectCommand({ Bucket, Key: "none" }));
await refusal("noHead", objects, new s3.HeadObjectCommand({ Bucket, Key: "none" }));
await refusal("noBucket", objects, new s3.ListObjectsV2Command({ Bucket: "no-such-bucket" }));
await refusal("notEmpty", objects, new s3.DeleteBucketCommand({ Bucket }));
const versions = await objects.send(new s3.ListObjectVersionsCommand({ Bucket }));
const deleted = await objects.send(new s3.DeleteObjectsCommand({ Bucket, Delete: {
  Objects: versions.Versions.map(one => ({ Key: one.Key, VersionId: one.VersionId })) } }));
out.deleted = deleted.Deleted.length === versions.Versions.length;
await objects.send(new s3.DeleteBucketCommand({ Bucket }));

const parameters = new ssm.SSMClient({ maxAttempts: 1, credentials });
await parameters.send(new ssm.PutParameterCommand(
  { Name: "/sdk/secret", Value: "s3cret", Type: "SecureString" }));
const read = WithDecryption => parameters.send(new ssm.GetParameterCommand(
  { Name: "/sdk/secret", WithDecryption }));
out.parameter = [(await read(true)).Parameter.Value, (await read(false)).Parameter.Value !== "s3cret"];
out.path = (await parameters.send(new ssm.GetParametersByPathCommand({ Path: "/sdk" })))
  .Parameters.map(one => one.Name);
await refusal("noParameter", parameters, new ssm.GetParameterCommand({ Name: "/none" }));
await parameters.send(new ssm.PutParameterCommand({ Name: "/sdk/b", Value: "b", Type: "String" }));
const several = await parameters.send(new ssm.GetParametersCommand({ Names: ["/sdk/b", "/none"] }));
const shown = await parameters.send(new ssm.DescribeParametersCommand({ MaxResults: 10 }));
await parameters.send(new ssm.DeleteParameterCommand({ Name: "/sdk/secret" }));
const gone = await parameters.send(new ssm.DeleteParametersCommand({ Names: ["/sdk/b"] }));
out.parameters = [several.Parameters[0].Value, several.InvalidParameters[0],
  shown.Parameters.some(one => one.Name === "/sdk/b"), gone.DeletedParameters[0]];
console.log(JSON.stringify(out));
