#!/usr/bin/env bash
# Fetch an HDFS server for the tests that want one (`make soak`): a NameNode and a DataNode in Java, 27 MB of jars.
# No package brings Hadoop as such, but the source distribution of PySpark 2.4 (220 MB) was built with Hadoop 2.7.3, whose
# hadoop-hdfs jar holds the servers. They run on Java 17. Nothing else uses these jars.
#   scripts/hadoop.sh FOLDER
set -euo pipefail
folder=$1
[ -e "$folder/.ready" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "hadoop: fetching PySpark 2.4.8 (220 MB) for its jars" >&2
# pip runs the old setup.py, whatever it is asked for: in an environment of its age, and without pypandoc, which it would trip over.
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'setuptools<70' wheel
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary pyspark \
  --dest "$work" pyspark==2.4.8
mkdir -p "$folder"
tar -xzf "$work/pyspark-2.4.8.tar.gz" -C "$folder" --strip-components=3 --wildcards --no-wildcards-match-slash \
  pyspark-2.4.8/deps/jars/{apache-log4j-extras,guava,htrace-core,jetty,jetty-util,netty-all,protobuf-java,xercesImpl}-[0-9]*.jar \
  pyspark-2.4.8/deps/jars/commons-{cli,codec,collections,configuration,io,lang,logging}-[0-9]*.jar \
  pyspark-2.4.8/deps/jars/hadoop-{annotations,auth,common,hdfs,mapreduce-client-core}-[0-9]*.jar \
  pyspark-2.4.8/deps/jars/jackson-{core,mapper}-asl-[0-9]*.jar \
  pyspark-2.4.8/deps/jars/javax.{servlet-api,ws.rs-api}-[0-9]*.jar \
  pyspark-2.4.8/deps/jars/{log4j,slf4j-api,slf4j-log4j12}-[0-9]*.jar
touch "$folder/.ready"
