// The functions of @huggingface/hub that write, and name the writer.

export { commitIter, createRepo, whoAmI } from "@huggingface/hub";
