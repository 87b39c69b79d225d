// The examples for schedulers are well-formed, and tell imago what it understands.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";

const pathOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

test.skipIf(process.platform === "win32")("slurm.sh is a script of bash", () => {
  const { status, stderr } = spawnSync("bash", ["-n", pathOf("slurm.sh")], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("mpijob.yaml is a job with a launcher and workers", () => {
  const job = parse(readFileSync(pathOf("mpijob.yaml"), "utf8"));
  expect(job).toMatchObject({ apiVersion: "kubeflow.org/v2beta1", kind: "MPIJob" });
  const { Launcher: launcher, Worker: worker } = job.spec.mpiReplicaSpecs;
  const [command] = launcher.template.spec.containers[0].args;
  expect(spawnSync("sh", ["-nc", command], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  // A rank for each slot.
  expect(command).toContain(` -n ${job.spec.slotsPerWorker * worker.replicas} `);
  expect(command).toContain("$resume");
});
