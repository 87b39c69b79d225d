// The functions of @huggingface/hub that read: by name, so that a bundle holds these and no others.

export { datasetInfo, listFiles, modelInfo } from "@huggingface/hub";
