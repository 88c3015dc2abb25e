"""usage: audio_client.py HOST:PORT KEY WAV ANSWER

Posts a file to be transcribed and a text to be said, as an application written for OpenAI would; prints the answers.
The audio of the text, PCM of 24 kHz, goes into the file ANSWER.
"""

import json
import sys

import openai

HOME, KEY, WAV, ANSWER = sys.argv[1:5]


def told(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


client = openai.OpenAI(api_key=KEY, base_url=f"http://{HOME}/v1", max_retries=0)
try:
    with open(WAV, "rb") as wav:
        told("json", text=client.audio.transcriptions.create(model="whisper-1", file=wav, language="en").text)
        wav.seek(0)
        verbose = client.audio.transcriptions.create(
            model="whisper-1", file=wav, response_format="verbose_json", timestamp_granularities=["word"]
        )
        told("verbose", text=verbose.text, duration=verbose.duration, words=[word.word for word in verbose.words])
        wav.seek(0)
        for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=wav, stream=True):
            print(json.dumps(event.model_dump(exclude_none=True)), flush=True)
    saying = client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="The museum opens at nine. Please come early.", response_format="pcm"
    )
    with saying as response:
        response.stream_to_file(ANSWER)
    client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", response_format="pcm", speed=2.0)
except openai.APIStatusError as error:
    told("refused", status=error.status_code, message=error.body["message"] if error.body else str(error))
