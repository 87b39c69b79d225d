console.log("imago", process.version);
