"""Run by tests in a process that has xllamacpp, llama.cpp as a wheel: read_gguf.py FILE < questions > answers

Questions: `ids` to score, `texts` to tokenise, `messages` to answer. The answers of llama.cpp's own server: the
log-probabilities of every id after `ids`, the ids of each text, and what it says to each message, by greedy choice.
"""

import json
import os
import sys
import urllib.request

import xllamacpp


def main(path: str) -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp logs to stdout
    asked = json.load(sys.stdin)
    settings = xllamacpp.CommonParams()
    settings.model.path = path
    settings.n_ctx, settings.n_gpu_layers, settings.n_parallel, settings.warmup = 2048, 0, 1, False
    settings.cpuparams.n_threads = 1
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(settings)

    def post(route: str, body: dict) -> dict:
        where = f"{server.listening_address}/{route}"
        data = json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(where, data, {"Content-Type": "application/json"})) as said:
            return json.load(said)

    scored = []
    for ids in asked["ids"]:
        said = post("completion", {"prompt": ids, "n_predict": 1, "n_probs": asked["rows"], "temperature": 0})
        (first,) = said["completion_probabilities"]
        scored.append({one["id"]: one["logprob"] for one in first["top_logprobs"]})
    tokens = [post("tokenize", {"content": text, "parse_special": True})["tokens"] for text in asked["texts"]]
    answers = []
    for message in asked["messages"]:
        prompt = post("apply-template", {"messages": [{"role": "user", "content": message}]})["prompt"]
        said = post(
            "completion", {"prompt": prompt, "n_predict": asked["most"], "temperature": 0, "return_tokens": True}
        )
        answers.append({"prompt": prompt, "ids": said["tokens"], "stop": said["stop_type"]})
    json.dump({"scored": scored, "tokens": tokens, "answers": answers}, out)
    out.close()
    os._exit(0)


main(sys.argv[1])
