// CLIP's tokenizer against transformers': hundreds of prompts in many scripts, from both forms of its files; and files
// that do not fit.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { CLIPTokenizer } from "../../src/models/clip_tokenizer.ts";
import { FileError } from "../../src/platform/errors.ts";
import { testFolder } from "../support/folder.ts";
import { fixture, readJsonFixture } from "../support/golden.ts";

const FOLDER = "stable_diffusion/tokenizer";
const cases = v.parse(
  v.array(v.tuple([v.string(), v.array(v.number()), v.optional(v.array(v.number()))])),
  await readJsonFixture(`${FOLDER}/prompts.json`),
);
const open = (form: string) => CLIPTokenizer.fromFolder(fixture(`${FOLDER}/${form}`));
const folder = testFolder();

describe.each(["whole", "parts"])("from files in the form %s", (form) => {
  test("prompts have transformers' tokens", async () => {
    const tokenizer = await open(form);
    expect(cases.length).toBe(800);
    expect(cases.filter(([, , ofParts]) => ofParts !== undefined).length).toBeGreaterThan(20);
    const longest = Math.max(...cases.map(([, ids]) => ids.length)) + 10;
    const { inputIds, removed } = tokenizer.encode(
      cases.map(([prompt]) => prompt),
      { maxLength: longest + 2 },
    );
    expect(inputIds.shape).toEqual([800, longest + 2]);
    const [start, end] = [2012, 2013];
    const pad = form === "whole" ? end : 0;
    for (const [row, [prompt, ofWhole, ofParts = ofWhole]] of cases.entries()) {
      const got = inputIds.data.slice(row * (longest + 2), (row + 1) * (longest + 2));
      const filled = new Int32Array(longest + 2).fill(pad);
      filled.set([start, ...(form === "whole" ? ofWhole : ofParts), end]);
      expect(got, prompt).toEqual(filled);
    }
    expect(removed).toEqual(cases.map(() => ""));
  });
});

test("what has no room is cut, and told", async () => {
  const tokenizer = await open("whole");
  expect(tokenizer.modelMaxLength).toBe(77);
  const long = `a cat ${"sitting on the MAT,  it's ".repeat(12)}`;
  const { inputIds, removed } = tokenizer.encode(["a cat", long]);
  expect(inputIds.shape).toEqual([2, 77]);
  expect(inputIds.data[76]).toBe(2013);
  expect(inputIds.data[153]).toBe(2013);
  expect(inputIds.data.slice(77, 153)).not.toContain(2013);
  expect(removed[0]).toBe("");
  expect(removed[1]).not.toBe("");
  expect(`a cat ${"sitting on the mat, it's ".repeat(12)}`.endsWith(removed[1])).toBe(true);
  // What was kept and what was cut are the whole prompt.
  const all = tokenizer.encode([long], { maxLength: 400 }).inputIds.data;
  const rest = tokenizer.encode([removed[1]], { maxLength: 400 }).inputIds.data;
  const length = (ids: Int32Array) => ids.indexOf(2013) - 1;
  expect(length(all)).toBe(75 + length(rest));
  expect(tokenizer.encode([], {}).inputIds.shape).toEqual([0, 77]);
});

test("bounds are told in one line", async () => {
  const tokenizer = await open("whole");
  expect(() => tokenizer.encode(["x".repeat(70_000)])).toThrow("a prompt of 70000 characters was given");
  for (const maxLength of [2, 4.5, Number.NaN])
    expect(() => tokenizer.encode(["x"], { maxLength })).toThrow(`a maxLength of ${maxLength} was given`);
});

describe("files that do not fit are told in one line", () => {
  const vocab = JSON.stringify({ a: 0, "b</w>": 1, "ab</w>": 2, "<|startoftext|>": 3, "<|endoftext|>": 4 });
  test.each([
    ["nothing", {}, "there is neither tokenizer.json nor vocab.json"],
    ["no merges", { "vocab.json": vocab }, "there is neither tokenizer.json nor merges.txt"],
    ["a merge of one", { "vocab.json": vocab, "merges.txt": "ab\n" }, 'the merge "ab" was found'],
    ["a merge of three", { "vocab.json": vocab, "merges.txt": "a b c\n" }, 'the merge "a b c" was found'],
    ["a strange merge", { "vocab.json": vocab, "merges.txt": "b a\n" }, 'the merge "b a" is of tokens'],
    ["numbers", { "vocab.json": '{"a": 1e9}', "merges.txt": "" }, "a: Invalid value: Expected <=1048576"],
    ["no number", { "vocab.json": '{"a": "b"}', "merges.txt": "" }, "a: Invalid type"],
    ["another kind", { "tokenizer.json": '{"model": {"type": "Unigram"}}' }, "model.type"],
    [
      "another end",
      { "tokenizer.json": '{"model": {"end_of_word_suffix": "", "vocab": {}, "merges": []}}' },
      "model.end_of_word_suffix",
    ],
    ["no JSON", { "tokenizer.json": "hello" }, "this is not JSON text"],
  ])("%s", async (name, files, message) => {
    const path = folder(name);
    await mkdir(path, { recursive: true });
    for (const [file, text] of Object.entries<string>(files)) await writeFile(join(path, file), text);
    const opened = CLIPTokenizer.fromFolder(path);
    await expect(opened).rejects.toThrow(FileError);
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.not.toThrow(/\n/);
  });

  test("no folder", async () => {
    await expect(CLIPTokenizer.fromFolder(folder("nowhere"))).rejects.toThrow(FileError);
  });

  test("settings that name a token that is none", async () => {
    const path = folder("settings");
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "vocab.json"), vocab);
    await writeFile(join(path, "merges.txt"), "#version: 0.2\na b</w>\n");
    await writeFile(join(path, "tokenizer_config.json"), '{"pad_token": "!", "model_max_length": 1e30}');
    await expect(CLIPTokenizer.fromFolder(path)).rejects.toThrow(
      'the token "!" of the tokenizer\'s settings is not in its vocabulary',
    );
    await writeFile(join(path, "tokenizer_config.json"), '{"pad_token": null, "model_max_length": 9}');
    const tokenizer = await CLIPTokenizer.fromFolder(path);
    expect([...tokenizer.encode(["ab"]).inputIds.data]).toEqual([3, 2, 4, 4, 4, 4, 4, 4, 4]);
  });
});
