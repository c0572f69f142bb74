import ij.IJ
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.Callable
import java.util.concurrent.CountDownLatch
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import java.util.function.Consumer

/**
 * The engine as a process of its own, for a Fiji without Python: started for the first command, kept for the next, and
 * gone with Fiji. Its Python is the one in settings.properties, or in the system property golddigger.python. Maps cross
 * as JSON, pixels through shared memory, both by Appose, whose classes are named in texts only: this class must load
 * without them, to say that they are missing.
 */
class GoldWorker {

    private static final String START = "from golddigger_ij.imagej.worker import main; main()"
    private static final String ASK = "from golddigger_ij.imagej.worker import run\nrun(task, request)"
    private static final Map TYPES = [(byte[]): "uint8", (short[]): "uint16", (int[]): "int32", (float[]): "float32", (double[]): "float64"]
    /** Bytes up to which an array goes as text. */
    private static final int SMALL = 1 << 16
    private static final int STUCK_S = 30

    private static GoldWorker current

    private final Properties settings
    private final Object service
    private boolean answered
    private boolean compared

    /** Asks the engine; the worker is started where none runs. */
    static Map answer(File home, Map request, GoldProgress progress) {
        running(home, progress).ask(request, progress)
    }

    private static synchronized GoldWorker running(File home, GoldProgress progress) {
        if (current == null || !current.service.alive) {
            progress.update(0, 0, "starting the engine")
            current = new GoldWorker(home)
        }
        current
    }

    private GoldWorker(File home) {
        settings = read(home)
        service = appose("Service").newInstance(home, [settings.python, "-c", START] as String[])
        // Appose's threads take after the one that starts them, and Java would wait for them for ever at its end.
        def start = new FutureTask({ service.start() } as Callable)
        def thread = new Thread(start, "Gold Digger worker")
        thread.daemon = true
        thread.start()
        try {
            start.get()
        } catch (ExecutionException error) {
            throw new GoldError("The Python of the engine, $settings.python, does not start (${error.cause.message}); $settings.remedy")
        }
    }

    private Map ask(Map request, GoldProgress progress) {
        def shared = [], ended = new CountDownLatch(1)
        try {
            def task = service.task(ASK, [request: encode(request, shared)])
            try {
                task.listen({ event ->
                    if (event.responseType.name() != "UPDATE") {
                        if (event.responseType.name() != "LAUNCH") ended.countDown()
                    } else if (event.info?.taken) {
                        free(shared)
                    } else {
                        progress.update(event.current, event.maximum, event.message)
                    }
                } as Consumer)
                task.start()
            } catch (IllegalStateException over) {
                // A process that is no engine may end before it is asked anything.
                throw new GoldError(failure(task))
            }
            follow(task, ended, progress)
            if (task.status.name() != "COMPLETE") throw new GoldError(failure(task))
            def answer = (Map) decode(task.outputs.answer)
            answered = true
            compare(task.outputs.version.toString(), answer)
            return answer
        } finally {
            free(shared)
        }
    }

    /** Waits for the end of a task; hands on that the user wants it to stop. */
    private void follow(Object task, CountDownLatch ended, GoldProgress progress) {
        long stopped = 0
        while (!ended.await(20, TimeUnit.MILLISECONDS)) {
            if (!service.alive) {
                // Appose tells of a crash when the worker's output has ended, which a process that it left may hold open.
                ended.await(1, TimeUnit.SECONDS)
                return
            }
            if (progress.cancelled() && stopped == 0) {
                task.cancel()
                stopped = System.nanoTime()
            }
            if (stopped != 0 && System.nanoTime() - stopped > STUCK_S * 1e9) service.kill()
        }
    }

    private String failure(Object task) {
        if (task.status.name() == "FAILED") {
            System.err.println(task.error)
            return "the engine could not answer (${task.error?.readLines()?.findAll()?.last()}); please report it"
        }
        def words = service.errorLines().findAll { it?.trim() }.takeRight(5)*.trim()
        def missing = words.find { it =~ /No module named '(golddigger_ij|appose)/ }
        if (missing != null) return "$settings.python lacks the engine ($missing); $settings.remedy"
        def code = (task.error =~ /exit code (-?\d+)/).with { it.find() ? it.group(1) : null }
        "The engine in $settings.python has ended unexpectedly" + (code ? ", exit code $code" : "") +
            (code in ["137", "9"] ? " (killed; often because memory ran out)" : "") +
            "; it will be started again at the next command." + (answered ? "" : " If that does not help, $settings.remedy.") +
            (words ? "\nIts last words:\n" + words.join("\n") : "")
    }

    /** Says once that scripts and engine are not of one version, and again with every error. */
    private void compare(String version, Map answer) {
        if (!settings.version || settings.version == version) return
        def differ = "the scripts are of version $settings.version, the engine is $version; $settings.remedy".toString()
        if (!compared) IJ.log("Gold Digger: " + differ)
        compared = true
        if (answer.error) answer.error = "$answer.error ($differ)".toString()
    }

    private static Properties read(File home) {
        def settings = new Properties(), file = new File(home, "settings.properties")
        if (file.file) file.withReader("UTF-8") { settings.load(it) }
        def install = "golddigger-ij install --fiji \"$home.parent\""
        def python = System.getProperty("golddigger.python") ?: settings.python
        if (!python) throw new GoldError("It is not known which Python has the engine; run $install there, and restart Fiji")
        settings.python = python.toString()
        settings.remedy = "run $install in the Python that has golddigger-ij, and restart Fiji".toString()
        settings
    }

    private static Class appose(String name) {
        try {
            return GoldWorker.classLoader.loadClass("org.apposed.appose." + name)
        } catch (ClassNotFoundException | LinkageError missing) {
            def remedy = "run golddigger-ij install --fiji PATH, which puts it there, and restart Fiji"
            throw new GoldError("Fiji lacks the library Appose, by which the engine is reached ($missing.message); $remedy")
        }
    }

    /** What JSON can hold: arrays as base64 or, where they are large, as shared memory, which goes into the list. */
    private static Object encode(Object value, List shared) {
        if (value == null || value instanceof Boolean) return value
        if (value instanceof Map) return value.collectEntries { key, item -> [key.toString(), encode(item, shared)] }
        if (value instanceof Collection) return value.collect { encode(it, shared) }
        if (value instanceof Number) {
            def number = value.doubleValue()
            return Double.isNaN(number) || Double.isInfinite(number) ? [gd_number: number.toString()] : value
        }
        def type = TYPES[value.class]
        if (type == null) return value.class.array ? (value as List).collect { encode(it, shared) } : value.toString()
        long bytes = (long) value.length * Integer.parseInt(type.replaceAll(/\D/, "")).intdiv(8)
        if (bytes <= SMALL) {
            def buffer = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN)
            fill(buffer, value)
            return [gd_array: type, base64: buffer.array().encodeBase64().toString()]
        }
        def memory = share(bytes)
        shared << memory
        fill(memory.buf().order(ByteOrder.nativeOrder()), value)
        [gd_array: type, count: value.length, memory: memory]
    }

    private static void fill(ByteBuffer buffer, Object array) {
        switch (array) {
            case byte[]: buffer.put((byte[]) array); break
            case short[]: buffer.asShortBuffer().put((short[]) array); break
            case int[]: buffer.asIntBuffer().put((int[]) array); break
            case float[]: buffer.asFloatBuffer().put((float[]) array); break
            default: buffer.asDoubleBuffer().put((double[]) array)
        }
    }

    private static Object share(long bytes) {
        def place = new File("/dev/shm"), least = "save the image as TIFF, so that the engine reads the file"
        if (bytes > Integer.MAX_VALUE) throw new GoldError("The image takes more than 2 GB; $least")
        // Where there is not enough, Java itself would crash when it writes.
        if (place.directory && place.usableSpace < bytes) throw new GoldError(
            "Shared memory (/dev/shm) has room for ${place.usableSpace >> 20} MB, and ${(bytes >> 20) + 1} MB are needed; $least")
        appose("SharedMemory").getMethod("create", long).invoke(null, bytes)
    }

    private static void free(List shared) {
        synchronized (shared) {
            shared*.close()
            shared.clear()
        }
    }

    /** What the engine in this process would answer: double[], String[], lists, maps, texts, Long and Double. */
    private static Object decode(Object value) {
        if (value instanceof Map) {
            if (value.containsKey("gd_number")) return Double.valueOf(value.gd_number.toString())
            if (value.containsKey("gd_float64")) {
                def numbers = ByteBuffer.wrap(value.gd_float64.toString().decodeBase64()).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer()
                def array = new double[numbers.remaining()]
                numbers.get(array)
                return array
            }
            return value.collectEntries { key, item -> [key, decode(item)] }
        }
        if (value instanceof List) return value.every { it instanceof String } ? value as String[] : value.collect { decode(it) }
        if (value instanceof Integer) return value.longValue()
        value instanceof BigDecimal || value instanceof Float ? value.doubleValue() : value
    }
}
