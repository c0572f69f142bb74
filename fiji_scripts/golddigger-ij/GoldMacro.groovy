import ij.ImagePlus
import ij.Macro
import ij.WindowManager

/**
 * The macro that called a command. ImageJ keeps its options and its image by thread, and a command runs on another: so
 * both are looked up for the thread that waits for us. There is no public way to that.
 */
class GoldMacro {

    private static final String BRACKET = "a lone [ or ] cannot pass through the options of a macro; rename that file or folder"

    private static final ThreadLocal<Thread> CALLER = new ThreadLocal<>()

    /** Notes the thread that waits for the command of this thread; null where none is known. */
    static void calledBy(Thread caller) {
        CALLER.set(caller)
    }

    /** The text after the command's name in run("...", "..."), or null where none can be found. */
    static String options() {
        def options = byThread(Macro, "table")
        CALLER.get() == null || options == null ? Macro.options : options[CALLER.get()]?.toString()
    }

    /** The image that the macro has selected, which in batch mode no other thread knows; null for none. */
    static ImagePlus image() {
        def image = byThread(WindowManager, "tempImageTable")?.get(CALLER.get())
        // One that was closed has no pixels.
        image?.getProcessor() == null ? null : image
    }

    /** Splits options into keys and values; a key without a value stands for true. */
    static Map<String, Object> parse(String options) {
        def found = [:], at = 0, text = options?.trim() ?: ""
        while (at < text.length()) {
            def end = at
            while (end < text.length() && text[end] != "=" && text[end] != " ") end++
            def key = text.substring(at, end)
            if (key.contains("[") || key.contains("]")) throw new GoldError("${found.keySet().empty ? key : found.keySet().last()}: $BRACKET")
            if (end == text.length() || text[end] == " ") {
                if (key) found[key] = true
                at = end + 1
                continue
            }
            at = end + 1
            end = at
            def first = at < text.length() ? text[at] : ""
            if (first == "[" || first == "'") {
                end = first == "'" ? text.indexOf("'", at + 1) : closing(text, at)
                // ImageJ would take a part of it, or nothing, for the value.
                if (end < 0 || end + 1 < text.length() && text[end + 1] != " ") throw new GoldError(first == "'" ?
                    "$key: a value that begins with ' ends with '; put it in brackets, as in $key=[$first...]" :
                    "$key: $BRACKET")
                found[key] = text.substring(at + 1, end)
                end++
            } else {
                while (end < text.length() && text[end] != " ") end++
                found[key] = text.substring(at, end)
            }
            at = end + 1
        }
        found
    }

    /** Where the bracket ends that begins here; -1 where it does not. */
    private static int closing(String text, int at) {
        int depth = 0
        for (int end = at; end < text.length(); end++) {
            if (text[end] == "[") depth++
            if (text[end] == "]" && --depth == 0) return end
        }
        -1
    }

    private static Map byThread(Class owner, String field) {
        try {
            def found = owner.getDeclaredField(field)
            found.accessible = true
            return new HashMap(found.get(null) as Map)
        } catch (ReflectiveOperationException | SecurityException unknown) {
            // Another ImageJ: a command then goes by its own options and by the active window.
            return null
        }
    }
}
