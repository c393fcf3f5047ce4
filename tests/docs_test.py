"""The documents: links lead somewhere, prose is wrapped, each command is run or says why not."""

import re
import subprocess
import unittest

from lib.documents import ROOT, TYPED, anchors, blocks, documents, prose

LINK = re.compile(r"\]\(([^)\s]+)\)")
WIDTH = 100
# Programs are run by documents_test, toml is read by bad_input_test.
LANGUAGES = ("sh", "python", "javascript", "java", "go", "toml", "json", "ini", "mermaid", "text")
# Printed by `aurora-global api --members` and `api --types`.
UNWRAPPED = ("docs/reference/api-members.md", "docs/reference/cloudformation.md")


def name_of(document):
    return str(document.relative_to(ROOT))


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for document in documents():
            for number, line in prose(document):
                for target in LINK.findall(line):
                    if target.startswith(("http://", "https://", "mailto:")):
                        continue
                    file, _, anchor = target.partition("#")
                    found = (document.parent / file).resolve() if file else document
                    where = f"{name_of(document)}:{number}: {target}"
                    self.assertTrue(found.exists(), where)
                    if anchor:
                        self.assertIn(anchor, anchors(found), where)

    def test_prose_is_wrapped(self):
        for document in documents():
            if name_of(document) in UNWRAPPED:
                continue
            for number, line in prose(document):
                if line.startswith("|"):
                    continue
                self.assertLessEqual(len(line), WIDTH, f"{name_of(document)}:{number}")

    def test_shell_blocks_have_a_known_mark_and_no_syntax_error(self):
        for document in documents():
            for language, mark, text in blocks(document):
                self.assertIn(language, LANGUAGES, name_of(document))
                if language != "sh":
                    continue
                if not mark:
                    self.assertIn(name_of(document), TYPED)
                self.assertIn(mark, ("", "aws", "long", "container"), name_of(document))
                done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True,
                                      check=False)
                self.assertEqual(0, done.returncode, name_of(document) + done.stderr)

    def test_the_map_has_every_document(self):
        listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
        for document in documents():
            name = str(document.relative_to(ROOT / "docs")) if "docs" in document.parts else ""
            if name and not name.startswith("decisions/") and name != "README.md":
                self.assertIn(name, listed)

    def test_a_superseded_decision_says_so_on_top(self):
        decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
        for document in decisions:
            text = document.read_text(encoding="utf-8")
            for number in re.findall(r"(?:[Ss]upersedes|[Rr]eplaces) \[?(?:decision )?(\d{3})", text):
                older = next(one for one in decisions if one.name.startswith(number))
                self.assertIn("uperseded", "\n".join(
                    older.read_text(encoding="utf-8").splitlines()[:4]), name_of(older))


if __name__ == "__main__":
    unittest.main()
