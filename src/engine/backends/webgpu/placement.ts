// Where the arrays of a program are: its own buffers on the device, and those of variables.

import { toElements } from "../../elements.ts";
import type { Node } from "../../graph.ts";
import { groupOfCalls, type JoinedProgram } from "../../program/join_calls.ts";
import { planArena } from "../../program/plan_arena.ts";
import type { BufferRef } from "../../program/program.ts";
import type { Region } from "./bindings.ts";
import type { Device } from "./device.ts";

/** A program's arrays on the device. */
export interface Placement {
  /** The place of each buffer of the program. */
  readonly regions: readonly Region[];
  /** The device's buffers that belong to the program. */
  readonly own: readonly GPUBuffer[];
  readonly arenaBytes: number;
}

const arenaOf = (program: JoinedProgram<unknown>, { alignment, mostBytes }: Device) =>
  planArena(program, { alignment, piece: mostBytes }, groupOfCalls(program));

/** Bytes of a program's own buffers. */
export function bytesOf(lowered: JoinedProgram<unknown>, device: Device): number {
  const own = lowered.buffers.filter(({ place }) => place.kind !== "arena" && place.kind !== "variable");
  return own.reduce((total, { bytes }) => total + bytes, arenaOf(lowered, device).bytes);
}

/**
 * Makes a program's buffers.
 * @param variableOf the place of a variable
 * @throws MemoryError
 */
export async function place(
  name: string,
  lowered: JoinedProgram<unknown>,
  device: Device,
  variableOf: (node: Node) => Region,
): Promise<Placement> {
  const arena = arenaOf(lowered, device);
  const own: GPUBuffer[] = [];
  const newBuffer = (bytes: number): GPUBuffer => {
    const buffer = device.newBuffer(bytes, name);
    own.push(buffer);
    return buffer;
  };
  try {
    const pieces: GPUBuffer[] = [];
    for (let start = 0; start < arena.bytes; start += device.mostBytes) {
      pieces.push(newBuffer(Math.min(device.mostBytes, arena.bytes - start)));
    }
    const regions = lowered.buffers.map(({ place: at, bytes }, i): Region => {
      switch (at.kind) {
        case "arena": {
          const piece = Math.floor(arena.offsets[i] / device.mostBytes);
          return { buffer: pieces[piece], offset: arena.offsets[i] - piece * device.mostBytes, size: bytes };
        }
        case "variable":
          return variableOf(at.node);
        case "constant":
          return constantOn(device, at.node, { buffer: newBuffer(bytes), offset: 0, size: bytes });
        case "input":
        case "output":
        case "prelude":
          return { buffer: newBuffer(bytes), offset: 0, size: bytes };
        default:
          return at satisfies never;
      }
    });
    await device.allocated();
    return { regions, own, arenaBytes: arena.bytes };
  } catch (error) {
    for (const buffer of own) device.destroy(buffer);
    throw error;
  }
}

/** Writes a constant to its place. */
function constantOn(device: Device, { op, dtype }: Node, region: Region): Region {
  if (op.kind !== "constant") throw new Error(`${op.kind} is no constant`);
  device.write(region, toElements(op.data, dtype));
  return region;
}

/** A place within a program's buffer, to its end. */
export function regionOf({ regions }: Placement, { buffer, offset }: BufferRef): Region {
  const region = regions[buffer];
  return { buffer: region.buffer, offset: region.offset + offset, size: region.size - offset };
}
