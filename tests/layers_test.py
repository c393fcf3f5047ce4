"""Who may include whom: the table of the architecture, held against every include line."""

import pathlib
import re
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"

# Module -> modules it may include, beside itself.
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "pgwire": {"base"},
    "awsapi": {"base", "model"},
    "cloudformation": {"base", "model", "awsapi"},
    "net": {"base"},
    "pgclient": {"base", "net"},
    "database": {"base", "net"},
    "awsclient": {"base", "model", "awsapi", "net"},
    "load": {"base", "net", "pgclient"},
    "link": {"base", "net"},
    "router": {"base", "model", "pgwire", "net"},
    "region": {"base", "model", "net", "pgclient", "database"},
    "services": {"base", "model", "awsapi", "cloudformation", "net", "database", "region"},
    "functions": {"base", "model", "awsapi", "net", "pgclient", "awsclient", "load"},
    "drill": {"base", "model", "awsapi", "net", "pgclient", "awsclient", "load"},
    "sim": {"base", "model", "net", "router", "region"},
    "cli": {"base", "model", "awsapi", "net", "pgclient", "link", "router", "region", "services",
            "awsclient", "load", "drill"},
}

# What a service may know of a region.
REGION_PUBLIC = {"region/region.h", "region/key_ring.h", "region/secret_document.h"}

# Folders of src/region -> what of src/region they may include beside themselves and what lies at
# its top. `doors` are at the top as well, but not for everybody.
REGION_ROOMS = {
    "instance": set(),
    "peers": set(),
    "keeper": {"instance", "peers"},
    "moves": {"peers"},
}
# The keeper orders no router, the giver and the bystander decide nothing and open no server.
REGION_DOORS = {
    "region/router_orders.h": {"moves"},
    "region/keeper/keeper.h": {"keeper"},
    "region/moves/coordinator.h": {"moves/coordinator", "moves/accept", "moves/end"},
    "region/daemon.h": set(),
    "region/machine.h": set(),
    "region/instance/postgres_instance.h": {"instance"},
}
REGION_WORDS = {"moves/giver": ("promote(",), "moves/bystander": ("promote(", "commit("),
                "keeper": ("RouterOrders", "RouterLink")}

# No input or output, no threads, no clock of the machine but in base's SystemClock.
PURE = {"model", "pgwire", "awsapi", "cloudformation"}
IMPURE_HEADERS = re.compile(
    r"boost/(asio|beast)|sys/socket\.h|netinet/|unistd\.h|fcntl\.h|<thread>|<mutex>|<fstream>|libpq-fe")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<][^">]+[">])', re.MULTILINE)


def files():
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in (".h", ".cc"):
            yield path, path.relative_to(SOURCE).parts[0], INCLUDE.findall(path.read_text())


def violations():
    for path, module, includes in files():
        name = path.relative_to(SOURCE.parent)
        if module not in MAY_INCLUDE:
            yield f"{name}: module '{module}' is not in the table; add it with what it may include"
            continue
        is_test = path.stem.endswith("_test") or "testing" in path.parts
        for include in includes:
            text = include[1:-1]
            if module in PURE and not is_test and IMPURE_HEADERS.search(include):
                yield f"{name}: '{module}' is pure and includes {include}"
            if include[0] != '"':
                continue
            other = text.split("/")[0]
            if other not in MAY_INCLUDE:
                yield f'{name}: "{text}" is not a path from src/'
            elif other != module and other not in MAY_INCLUDE[module]:
                yield f"{name}: '{module}' may not include {text}"
            elif (module == "services" and other == "region" and not is_test
                  and text not in REGION_PUBLIC):
                yield f"{name}: a service may include only {sorted(REGION_PUBLIC)}, not {text}"
            elif module == "services" and other == "services" and not is_test:
                own = path.relative_to(SOURCE).parts[1]
                theirs = text.split("/")[1]
                if "/" in text[len("services/"):] and own != theirs and not own.endswith((".cc", ".h")):
                    yield f"{name}: a service may not include another service ({text})"


def violations_in_region():
    for path, module, includes in files():
        parts = path.relative_to(SOURCE).parts
        if module != "region" or len(parts) < 3 or path.stem.endswith("_test"):
            continue
        room, stem = parts[1], f"{parts[1]}/{path.stem}"
        if room == "testing":
            continue
        for include in includes:
            text = include[1:-1]
            if not text.startswith("region/"):
                continue
            other = text.split("/")[1] if text.count("/") == 2 else None
            allowed = REGION_DOORS.get(text)
            if allowed is not None and not allowed & {room, stem}:
                yield f"{stem}: {text} is not for it"
            elif other and other != room and other not in REGION_ROOMS[room] \
                    and text not in ("region/instance/instance.h", "region/peers/transport.h"):
                yield f"{stem}: '{room}' may not include {text}"
        code = path.read_text(encoding="utf-8")
        for of, words in REGION_WORDS.items():
            if of not in (room, stem):
                continue
            for word in words:
                if word in code:
                    yield f"{stem}: '{word}' is not for it"


def data_members(code):
    """(class, how many data members) of each class and struct: what its body declares that is no
    function, type or friend."""
    code = re.sub(r"//.*|\"(\\.|[^\"])*\"", "", code)
    for found in re.finditer(r"\b(?:class|struct) (\w+(?:::\w+)*)[^;{()]*\{", code):
        depth, start, statements = 1, found.end(), []
        for at in range(found.end(), len(code)):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            if depth == 0:
                break
            if code[at] == ";" and depth == 1:
                statements.append(code[start:at])
                start = at + 1
            elif code[at] == "}" and depth == 1 and "(" in code[start:at]:
                start = at + 1  # The end of a function's body.
        words = [re.sub(r"^\s*(?:(?:public|private|protected):\s*)*", "", s) for s in statements]
        yield found[1], sum(
            1 for s in words
            if not re.match(r"(using|static|friend|typedef|enum|class|struct|template)\b", s)
            and not re.search(r"\w\s*\(", s.split("=")[0].split("{")[0]))


class Layers(unittest.TestCase):
    def test_no_class_of_a_region_holds_more_than_a_reader_can(self):
        self.assertEqual(
            [("A", 3)], list(data_members(
                "class A { public: A() {} void f(int x); int a = 1; private: B<int> b_{}; std::f c; };")))
        large = [(name, count) for path, module, _ in files() if module == "region"
                 for name, count in data_members(path.read_text(encoding="utf-8")) if count > 25]
        self.assertEqual([], large)

    def test_the_rooms_of_a_region_keep_apart(self):
        self.assertEqual([], list(violations_in_region()))

    def test_no_file_of_a_region_is_longer_than_a_reader_is_patient(self):
        long = [path.name for path, module, _ in files()
                if module == "region" and not path.stem.endswith("_test")
                and len(path.read_text(encoding="utf-8").splitlines()) > 400]
        self.assertEqual([], long)

    def test_include_lines_keep_to_the_table(self):
        self.assertEqual([], list(violations()))

    def test_json_from_outside_has_a_bounded_depth(self):
        for path, _, _ in files():
            if path.stem.endswith("_test") or "testing" in path.parts or path.name == "json.cc":
                continue
            with self.subTest(file=path.name):  # base/json.h has parse_json().
                found = re.search(r"\b[Jj]son::parse\(", path.read_text(encoding="utf-8"))
                self.assertIsNone(found)

    def test_the_extension_core_knows_nothing_of_postgresql(self):
        extension = SOURCE.parent / "extension"
        for path in sorted((*extension.glob("*/*.h"), *extension.glob("*/*.cc"))):
            folder = path.parent.name
            for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
                with self.subTest(file=path.name, include=include):
                    if folder == "core" and include != "<gtest/gtest.h>":
                        self.assertTrue(self.is_for_the_core(include))
                    if include.startswith('"pg/'):
                        self.assertEqual("pg", folder)

    def test_the_core_s_rule_sees_what_it_forbids(self):
        for include in ("<postgres.h>", "<libpq-fe.h>", "<utils/guc.h>", "<boost/asio.hpp>",
                        '"postgres.h"', '"pg/relay.h"', "<sys/socket.h>"):
            self.assertFalse(self.is_for_the_core(include), include)
        for include in ("<string>", "<string_view>", "<cstdint>", '"core/settings.h"'):
            self.assertTrue(self.is_for_the_core(include), include)

    @staticmethod
    def is_for_the_core(include):
        """Its own headers, and those of the standard library, which have neither folder nor dot."""
        return include.startswith('"core/') or bool(re.fullmatch(r"<[a-z_0-9]+>", include))

    def test_table_has_no_cycle(self):
        done = set()
        while len(done) < len(MAY_INCLUDE):
            ready = {m for m, others in MAY_INCLUDE.items() if m not in done and others <= done}
            self.assertTrue(ready, f"a cycle among {sorted(set(MAY_INCLUDE) - done)}")
            done |= ready

    def test_the_check_sees_files(self):
        self.assertGreater(sum(1 for _ in files()), 50)


if __name__ == "__main__":
    unittest.main()
