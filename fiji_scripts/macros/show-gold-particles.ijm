// Draws the particles of a STEM_particles.csv over the active image: circles at true size, a colour for each group.
// From another macro: runMacro("show-gold-particles.ijm", "/path/to/STEM_particles.csv").

colours = newArray("cyan", "magenta", "yellow", "green", "orange", "red");

if (nImages == 0) exit("Open the montage first.");
path = getArgument();
if (path == "") path = File.openDialog("Particle list: STEM_particles.csv");
lines = split(File.openAsString(path), "\n");
names = split(clean(lines[0]), "(,)");
xColumn = column(names, "x", path);
yColumn = column(names, "y", path);
areaColumn = column(names, "area", path);
groupColumn = column(names, "group", path);

groups = newArray(0);
Overlay.remove;
for (i = 1; i < lines.length; i++) {
    fields = split(clean(lines[i]), "(,)");
    if (fields.length > groupColumn) {
        diameter = 2 * sqrt(parseFloat(fields[areaColumn]) / PI);
        // The list puts a pixel's centre at whole numbers, ImageJ's area selections its corner.
        left = parseFloat(fields[xColumn]) + 0.5 - diameter / 2;
        top = parseFloat(fields[yColumn]) + 0.5 - diameter / 2;
        index = indexIn(groups, fields[groupColumn]);
        if (index == groups.length) groups = Array.concat(groups, fields[groupColumn]);
        makeOval(left, top, diameter, diameter);
        Overlay.addSelection(colours[index % colours.length], 1);
    }
}
Overlay.show;
Roi.remove;
showStatus("" + Overlay.size + " particles in " + groups.length + " groups");

function clean(line) {
    return replace(line, "\r", "");
}

function column(names, name, path) {
    index = indexIn(names, name);
    if (index == names.length) exit(path + " has no column " + name + ": choose a STEM_particles.csv.");
    return index;
}

// Where the text is in the array; the array's length where it is not.
function indexIn(texts, text) {
    for (k = 0; k < texts.length; k++)
        if (texts[k] == text) return k;
    return texts.length;
}
