"""ImageJ in this process: a JVM that is started when it is first needed, and windows that show results."""
