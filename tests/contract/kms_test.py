"""KMS, and secrets under its keys, through Debian's AWS CLI and the current AWS SDK."""

import base64
import json
import pathlib
import unittest

from lib.platform import EAST, WEST, PlatformTest, run, wait_until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "sdk"  # Made by `./dev test`.
ALIAS = "alias/aurora-global"
CREDENTIALS = "aurora-global/credentials"


class Kms(PlatformTest):
    def kms(self, *arguments, region=EAST):
        return self.platform.aws(region, "kms", *arguments, "--cli-binary-format", "base64")

    def secrets(self, *arguments, region=EAST):
        return self.platform.aws(region, "secretsmanager", *arguments)

    def refused(self, code, *arguments, region=EAST):
        done = self.platform.aws(region, *arguments, expect=254)
        self.assertIn(f"({code})", done.stderr)
        return done.stderr

    def new_key(self, region=EAST):
        return self.kms("create-key", region=region)["KeyMetadata"]["KeyId"]

    def state(self, key, region=EAST):
        return self.kms("describe-key", "--key-id", key, region=region)["KeyMetadata"]["KeyState"]

    def encrypt(self, key, text, *more):
        plaintext = base64.b64encode(text).decode()
        return self.kms("encrypt", "--key-id", key, "--plaintext", plaintext,
                        *more)["CiphertextBlob"]

    def decrypt(self, blob, *more):
        answer = self.kms("decrypt", "--ciphertext-blob", blob, *more)
        return base64.b64decode(answer["Plaintext"])

    def value(self, name, region=EAST):
        return self.secrets("get-secret-value", "--secret-id", name, region=region)["SecretString"]

    def test_the_commands_that_clean_up_and_their_way_back(self):
        key = self.kms("describe-key", "--key-id", ALIAS)["KeyMetadata"]
        self.assertEqual((key["KeyState"], key["KeyManager"]), ("Enabled", "CUSTOMER"))
        theirs = self.kms("describe-key", "--key-id", ALIAS, region=WEST)["KeyMetadata"]
        self.assertNotEqual(key["KeyId"], theirs["KeyId"])
        described = self.secrets("describe-secret", "--secret-id", CREDENTIALS)
        self.assertEqual(described["KmsKeyId"], ALIAS)
        password = self.value(CREDENTIALS)

        due = self.kms("schedule-key-deletion", "--key-id", key["KeyId"],
                       "--pending-window-in-days", "7")
        self.assertEqual((due["KeyId"], due["KeyState"], due["PendingWindowInDays"]),
                         (key["Arn"], "PendingDeletion", 7))
        self.refused("DecryptionFailure", "secretsmanager", "get-secret-value", "--secret-id",
                     CREDENTIALS)
        self.secrets("describe-secret", "--secret-id", CREDENTIALS)
        # Its own key seals the other region's copy.
        self.assertEqual(self.value(CREDENTIALS, WEST), password)
        self.kms("cancel-key-deletion", "--key-id", key["KeyId"])
        self.assertEqual(self.state(ALIAS), "Disabled")
        self.refused("DecryptionFailure", "secretsmanager", "get-secret-value", "--secret-id",
                     CREDENTIALS)
        self.kms("enable-key", "--key-id", key["KeyId"])
        self.assertEqual(self.value(CREDENTIALS), password)

    def test_a_second_up_makes_no_second_key(self):
        before = self.kms("list-keys")["Keys"]
        self.platform.up()
        self.assertEqual(self.kms("list-keys")["Keys"], before)

    def test_keys_and_ciphertexts_survive_a_killed_daemon(self):
        key = self.new_key()
        self.kms("create-alias", "--alias-name", "alias/survives", "--target-key-id", key)
        self.kms("enable-key-rotation", "--key-id", key)
        context = ("--encryption-context", "purpose=test")
        blob = self.encrypt("alias/survives", b"\0text", *context)
        gone = self.new_key()
        self.kms("schedule-key-deletion", "--key-id", gone)
        self.secrets("create-secret", "--name", "survives", "--secret-string", "here", "--kms-key-id",
                     key)
        daemon = self.platform.pid(EAST, "daemon")
        self.platform.kill(daemon)
        wait_until(lambda: self.platform.pid(EAST, "daemon") not in (None, daemon) and
                   self.state("alias/survives") == "Enabled", "the daemon answers again")
        self.assertEqual(self.decrypt(blob, *context), b"\0text")
        self.refused("InvalidCiphertextException", "kms", "decrypt", "--ciphertext-blob", blob)
        self.assertTrue(self.kms("get-key-rotation-status", "--key-id", key)["KeyRotationEnabled"])
        self.assertEqual(self.state(gone), "PendingDeletion")
        self.assertEqual(self.value("survives"), "here")
        self.platform.await_healthy()

    def test_keys_are_regional(self):
        key = self.new_key()
        blob = self.encrypt(key, b"text")
        self.refused("NotFoundException", "kms", "describe-key", "--key-id", key, region=WEST)
        self.refused("InvalidCiphertextException", "kms", "decrypt", "--ciphertext-blob", blob,
                     region=WEST)
        listed = self.kms("list-keys", "--page-size", "1")["Keys"]
        self.assertIn(key, [one["KeyId"] for one in listed])
        self.assertGreater(len(listed), 1)

    def test_a_replica_waits_for_the_key_that_is_named_for_it(self):
        self.secrets("create-secret", "--name", "waits", "--secret-string", "one", "--kms-key-id",
                     ALIAS, "--add-replica-regions", f"Region={WEST},KmsKeyId=alias/later")
        self.secrets("create-secret", "--name", "waits-not", "--secret-string", "two")
        wait_until(lambda: self.value("waits-not", WEST) == "two", "the later secret is replicated")
        described = self.secrets("describe-secret", "--secret-id", "waits-not", region=WEST)
        self.assertNotIn("KmsKeyId", described)
        default = self.kms("describe-key", "--key-id", "alias/aws/secretsmanager", region=WEST)
        self.assertEqual(default["KeyMetadata"]["KeyManager"], "AWS")
        self.refused("ResourceNotFoundException", "secretsmanager", "get-secret-value",
                     "--secret-id", "waits", region=WEST)
        key = self.new_key(WEST)
        self.kms("create-alias", "--alias-name", "alias/later", "--target-key-id", key, region=WEST)
        wait_until(lambda: self.value("waits", WEST) == "one", "the replica has its key")
        described = self.secrets("describe-secret", "--secret-id", "waits", region=WEST)
        self.assertEqual(described["KmsKeyId"], "alias/later")
        # The replica is sealed by that key and by no other.
        self.kms("disable-key", "--key-id", key, region=WEST)
        self.refused("DecryptionFailure", "secretsmanager", "get-secret-value", "--secret-id",
                     "waits", region=WEST)
        self.assertEqual(self.value("waits"), "one")

    def test_a_secret_under_a_key_that_is_not_there(self):
        self.refused("EncryptionFailure", "secretsmanager", "create-secret", "--name", "nowhere",
                     "--secret-string", "x", "--kms-key-id", "alias/absent")
        self.refused("ResourceNotFoundException", "secretsmanager", "describe-secret",
                     "--secret-id", "nowhere")

    def test_nothing_secret_is_in_the_logs(self):
        key = self.new_key()
        made = self.kms("generate-data-key", "--key-id", key, "--key-spec", "AES_256")
        self.secrets("create-secret", "--name", "quiet", "--secret-string", "not-to-be-told",
                     "--kms-key-id", key)
        wait_until(lambda: self.value("quiet", WEST) == "not-to-be-told", "it is replicated")
        material = base64.b64decode(made["Plaintext"]).hex()
        for file in self.platform.home.glob("**/*.log"):
            text = file.read_text(encoding="utf-8", errors="replace")
            for secret in (made["Plaintext"], material, "not-to-be-told"):
                self.assertNotIn(secret, text, file)
        for file in self.platform.home.glob("*/state.sqlite*"):
            self.assertNotIn(b"not-to-be-told", file.read_bytes(), file)

    def test_the_sdk(self):
        self.assertTrue(MODULES.exists(), "run the tests with ./dev test, which installs the SDK")
        done = run(["node", str(HERE / "sdk" / "kms.mjs"), str(MODULES)],
                   env=self.platform.environment(EAST))
        out = json.loads(done.stdout)
        self.assertEqual(out["key"]["Description"], "of the SDK")
        self.assertTrue(out["key"]["created"])
        self.assertEqual(out["plaintext"], "00ff800a")
        self.assertTrue(out["byOther"])
        self.assertEqual(out["dataKey"], [32, 0])
        self.assertEqual(out["again"], 0)
        self.assertTrue(all(len(page) == 1 for page in out["pages"]), out["pages"])
        self.assertIn([out["key"]["KeyId"]], out["pages"])
        self.assertEqual(out["kmsKeyId"], "alias/sdk")
        self.assertEqual(out["values"], ["v1", "v1", "v2"])
        self.assertEqual(out["days"], 7)
        self.assertEqual({name: one["name"] for name, one in out["refusals"].items()}, {
            "incorrect": "IncorrectKeyException", "changed": "InvalidCiphertextException",
            "context": "InvalidCiphertextException", "absent": "NotFoundException",
            "alias": "AlreadyExistsException", "spec": "UnsupportedOperationException",
            "size": "ValidationException", "window": "ValidationException",
            "pending": "KMSInvalidStateException", "disabled": "DisabledException",
            "pendingSecret": "DecryptionFailure", "disabledSecret": "DecryptionFailure"})
        for name, one in out["refusals"].items():
            self.assertEqual((one["status"], one["typed"]), (400, True), name)


if __name__ == "__main__":
    unittest.main()
