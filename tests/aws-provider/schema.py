"""Writes schema.json: what the AWS provider's schema says of every type that modules and examples use.

The types come from the typed bindings of the provider on PyPI, which pip downloads: the wheel in
requirements.txt holds JavaScript in which each attribute has its type and who gives it its value. Run it
after a module or an example has a new type, or after another version of the bindings:

    python3 tests/aws-provider/schema.py
"""

import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
GETTERS = {
    "String": "string", "Number": "number", "Boolean": "bool", "AnyMap": ["map", "dynamic"],
    "StringMap": ["map", "string"], "NumberMap": ["map", "number"], "BooleanMap": ["map", "bool"],
    "List": ["list", "string"], "NumberList": ["list", "number"],
}


def used():
    """The types that Terraform files of modules and examples name, as (kind, type)."""
    found = set()
    for folder in ("modules", "examples"):
        for file in (ROOT / folder).rglob("*.tf"):
            for kind, name in re.findall(r'^(resource|data) "(aws_\w+)"', file.read_text(), re.M):
                found.add((kind, name))
    return sorted(found)


def bindings(folder):
    """Downloads the bindings, and opens the archive that is in them."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*command, "--requirement", HERE / "requirements.txt"], check=True)
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".jsii.tgz")]
        files.extract(name, folder)
    return tarfile.open(pathlib.Path(folder) / name)


class Bindings:
    """The JavaScript of one resource, data source or provider."""

    def __init__(self, text):
        self.text = text
        parts = re.split(r"^class (\w+) extends ", text, flags=re.M)
        self.classes = dict(zip(parts[1::2], parts[2::2]))

    def root(self):
        """The class of the resource itself: the one that Terraform's type name is given to."""
        (name,) = [
            name for name, body in self.classes.items()
            if re.match(r"cdktn\.Terraform(Resource|DataSource|Provider)\b", body)
        ]
        return name

    def hcl(self, name):
        """What is written of the attributes of a class: type and element, by name."""
        body = self.classes[name]
        if "synthesizeHclAttributes" not in body:
            function = name.removesuffix("OutputReference").removesuffix("List")
            function = function[0].lower() + function[1:] + "ToHclTerraform"
            found = re.search(rf"^function {function}\(.*?^}}", self.text, re.M | re.S)
            body = found.group() if found else ""
        else:
            body = body[body.index("synthesizeHclAttributes"):]
        found = re.findall(
            r'^ +(\w+): \{\n +value: .*\n +isBlock: (\w+),\n +type: "(\w+)",\n +storageClassType: "(\w+)"',
            body, re.M,
        )
        return {name: (is_block == "true", kind, of) for name, is_block, kind, of in found}

    def block(self, name):
        attributes, blocks = {}, {}
        written = self.hcl(name)
        lines = re.findall(
            r"^    // (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(.*?)(?=^    // \w+ - computed|^    // ====|^\}|\Z)",
            self.classes[name], re.M | re.S,
        )
        for attribute, *flags, body in lines:
            # Terraform's own, of every provider.
            if attribute == "alias" and "TerraformProvider" in self.classes[name][:40]:
                continue
            computed, optional, required = (flag == "true" for flag in flags)
            inner = re.search(r"= new (\w+)\(this, \"\w+\"(, (?:true|false))?", body)
            is_block, kind, of = written.get(attribute, (False, None, None))
            if inner and (optional or required) and not computed:
                blocks[attribute] = self.nested(inner.group(1), kind, required)
                continue
            if is_block and not inner:
                # The provider's: a list of a type that has no class.
                blocks[attribute] = self.nested(re.sub("List$", "", of), kind, required)
                continue
            if inner:
                of = self.object(inner.group(1))
                kind = [kind if kind in ("list", "set") else "list", of]
            elif kind == "simple":
                kind = PRIMITIVES[of]
            elif kind is not None:
                element = re.sub(r"(List|Map)$", "", of)
                kind = [kind, PRIMITIVES[element]]
            else:
                getter = re.search(r"this\.get(\w+)Attribute\(", body)
                kind = GETTERS[getter.group(1)] if getter else "dynamic"
                if "Fn.tolist(" in body:
                    kind = ["set", kind[1]]
            said = {"type": kind}
            for word, flag in (("required", required), ("optional", optional), ("computed", computed)):
                if flag:
                    said[word] = True
            attributes[attribute] = said
        block = {}
        if attributes:
            block["attributes"] = attributes
        if blocks:
            block["block_types"] = blocks
        return block

    def nested(self, name, kind, required):
        is_list = name.endswith("List") and name.removesuffix("List") + "OutputReference" in self.classes
        inside = name.removesuffix("List") + "OutputReference" if is_list else name
        content = self.block(inside) if inside in self.classes else self.struct(inside)
        if kind == "struct":
            return {"nesting_mode": "single", "block": content}
        said = {"nesting_mode": kind, "block": content}
        if required:
            said["min_items"] = 1
        if not is_list and inside in self.classes:
            said["max_items"] = 1
        return said

    def struct(self, name):
        """A block that only its writer knows: of a provider."""
        function = name[0].lower() + name[1:] + "ToHclTerraform"
        found = re.search(rf"^function {function}\(.*?^}}", self.text, re.M | re.S)
        said = re.findall(r'^ +(\w+): \{\n.*\n +isBlock: (\w+),\n +type: "(\w+)",\n +storageClassType: "(\w+)"', found.group(), re.M)
        attributes = {}
        for attribute, _, kind, of in said:
            element = PRIMITIVES[re.sub(r"(List|Map)$", "", of)]
            attributes[attribute] = {"type": element if kind == "simple" else [kind, element], "optional": True}
        return {"attributes": attributes}

    def object(self, name):
        """The type of what a provider alone gives."""
        inside = name if name in self.classes and name.endswith("OutputReference") else name.removesuffix("List") + "OutputReference"
        block = self.block(inside)
        types = {name: said["type"] for name, said in block.get("attributes", {}).items()}
        for name, nested in block.get("block_types", {}).items():
            inner = {key: said["type"] for key, said in nested["block"].get("attributes", {}).items()}
            types[name] = ["list", ["object", inner]]
        return ["object", types]


def main():
    with tempfile.TemporaryDirectory() as folder, bindings(folder) as archive:
        def read(name):
            name = name.replace("_", "-")
            # Words that a module cannot be named after have another name there.
            for candidate in (name, name + "-resource", name + "-"):
                try:
                    member = archive.extractfile(f"package/lib/{candidate}/index.js")
                except KeyError:
                    continue
                text = member.read().decode()
                return Bindings(text), re.search(r"providerVersion: '([\d.]+)'", text)
            raise SystemExit(f"the bindings have no {name}")

        provider, version = read("provider")
        schema = {
            "provider_version": version.group(1),
            "provider": provider.block(provider.root()),
            "resource_schemas": {},
            "data_source_schemas": {},
        }
        for kind, name in used():
            short = name.removeprefix("aws_")
            found, _ = read(short if kind == "resource" else f"data-aws-{short}")
            key = "resource_schemas" if kind == "resource" else "data_source_schemas"
            schema[key][name] = found.block(found.root())
    write(schema)


def write(schema):
    """One line for each type, so that a change of one is a change of one line."""
    compact = {"separators": (",", ":"), "sort_keys": True}
    lines = [
        "{",
        f'"provider_version":{json.dumps(schema["provider_version"])},',
        f'"provider":{json.dumps(schema["provider"], **compact)},',
    ]
    for key, end in (("resource_schemas", ","), ("data_source_schemas", "")):
        types = [f"{json.dumps(name)}:{json.dumps(of, **compact)}" for name, of in sorted(schema[key].items())]
        lines += [f'"{key}":{{', *[line + "," for line in types[:-1]], *types[-1:], "}" + end]
    (HERE / "schema.json").write_text("\n".join([*lines, "}", ""]))


if __name__ == "__main__":
    main()
