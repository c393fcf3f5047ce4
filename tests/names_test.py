"""No name twice among the files of a module that are compiled together (AG_UNITY: release, CI).

What is in an unnamed namespace is then seen by all of them. The compiler would say so, but not in the
preset that is used while one works.
"""

import collections
import pathlib
import re
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"
UNNAMED = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"^namespace ([\w:]+) \{$", re.MULTILINE)
CONSTANT = re.compile(r"^(?:inline |static )?(?:constexpr|const)\b[^=;({]*?\b(k[A-Z]\w*)\b", re.MULTILINE)
TYPE = re.compile(r"^(?:struct|class|enum class|enum) (\w+)[^;]*?\{", re.MULTILINE)
# Overloads may live together: the parameters belong to the name.
FUNCTION = re.compile(r"^[A-Za-z][\w:<>,&*\s]*?[\s&*](\w+)\(([^;{]*?)\)\s*(?:noexcept\s*)?\{", re.MULTILINE)
WORD_OF_PARAMETER = re.compile(r"\s*\b\w+\s*(?=,|$)")
# Each function is a program of its own.
ALONE = {"functions"}


def names_in(text):
    found = set()
    around = (NAMED.findall(text) or [""])[0]
    for inside in UNNAMED.findall(text):
        found |= set(CONSTANT.findall(inside)) | set(TYPE.findall(inside))
        for name, parameters in FUNCTION.findall(inside):
            types = ",".join(WORD_OF_PARAMETER.sub("", one) for one in parameters.split(","))
            found.add(name + "(" + re.sub(r"\s+", " ", types) + ")")
    return {f"{around}: {name}" for name in found}


def groups():
    """(module, test or not) -> its files."""
    found = collections.defaultdict(list)
    for file in sorted(SOURCE.rglob("*.cc")):
        module = file.relative_to(SOURCE).parts[0]
        if module in ALONE or file.name == "main.cc" or "testing" in file.parts:
            continue
        found[module, file.name.endswith("_test.cc")].append(file)
    return found


class Names(unittest.TestCase):
    maxDiff = None

    def test_no_name_is_there_twice(self):
        twice = []
        for files in groups().values():
            seen = {}
            for file in files:
                for name in sorted(names_in(file.read_text(encoding="utf-8"))):
                    if name in seen:
                        twice.append(f"{name} in {seen[name].relative_to(SOURCE)} "
                                     f"and {file.relative_to(SOURCE)}")
                    seen[name] = file
        self.assertEqual([], twice)

    def test_the_check_sees_what_it_forbids(self):
        text = ("namespace a::b {\nnamespace {\n\nconstexpr Duration kLimit = 3s;\nstruct Reader {\n  int x;\n};\n"
                "std::string text_of(const json& node,\n                    int b) {\n  return 1;\n}\n"
                "\n}  // namespace\nint outside(int a) {\n}\n")
        self.assertEqual({"a::b: kLimit", "a::b: Reader", "a::b: text_of(const json&, int)"},
                         names_in(text))


if __name__ == "__main__":
    unittest.main()
