// Data beside the page, loaded as scripts: a page opened from a file may run those, but not read other files.
"use strict";

// What each file hands over by calling explorer.receive(file, data) while it runs.
const explorer = { handed: new Map(), receive: (file, data) => explorer.handed.set(file, data) };

// What the script at `path` hands over, under its file's name; rejected where it cannot be read or hands over nothing.
function received(path) {
  const file = path.split("/").pop();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const end = () => {
      script.remove();
      const data = explorer.handed.get(file);
      explorer.handed.delete(file);
      if (data === undefined) reject(new Error(`${path} cannot be read`));
      else resolve(data);
    };
    script.onload = script.onerror = end;
    script.src = path;
    document.head.append(script);
  });
}
