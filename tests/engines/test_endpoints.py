"""Names of served models, engines.toml, and the strict TOML reader below it."""

from __future__ import annotations

import pytest

from rung.core.errors import ConfigError
from rung.engines.endpoints import Endpoint, check_base_url, endpoint_of, endpoints

GOOD = """
[engines.gpt-mini]
base_url = "https://api.openai.com/v1/"
model = "gpt-5-mini"
api_key_env = "OPENAI_API_KEY"
server = "openai"
price = "small-hosted"
omit = ["temperature"]
extra = {reasoning_effort = "minimal"}
timeout_s = 30
"""


@pytest.fixture
def write(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    return lambda text: (tmp_path / "engines.toml").write_text(text, "utf-8")


def test_a_name_from_the_file(write):
    write(GOOD)
    endpoint = endpoint_of("http:gpt-mini")
    assert endpoint == Endpoint(
        name="http:gpt-mini",
        model="gpt-5-mini",
        base_url="https://api.openai.com/v1",
        api_key_env="OPENAI_API_KEY",
        server="openai",
        price="small-hosted",
        omit=("temperature",),
        extra={"reasoning_effort": "minimal"},
        timeout_s=30.0,
    )


def test_a_model_at_an_address(write):
    endpoint = endpoint_of("http:@cf/meta/llama-3@http://localhost:8000/v1")
    assert (endpoint.model, endpoint.base_url) == ("@cf/meta/llama-3", "http://localhost:8000/v1")
    assert (endpoint.api_key_env, endpoint.server) == ("", "auto")
    assert endpoint.name == "http:@cf/meta/llama-3@http://localhost:8000/v1"


@pytest.mark.parametrize(
    "url, variable",
    [
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        ("https://api.deepseek.com/beta", "DEEPSEEK_API_KEY"),
        ("http://api.openai.com/v1", ""),  # a key does not travel in the clear
        ("https://api.openai.com.example.org/v1", ""),
        ("https://example.org/api.openai.com/v1", ""),
    ],
)
def test_a_key_goes_only_to_the_host_it_belongs_to(write, url, variable):
    assert endpoint_of(f"http:m@{url}").api_key_env == variable


@pytest.mark.parametrize(
    "text, words",
    [
        ("[engines.x]\nbase_url='http://a/v1'\nmodle='m'", "no setting 'modle'.*'model'"),
        ("[engines.x]\nmodel='m'", "lacks base_url"),
        ("[engine.x]\nmodel='m'", r"unknown section 'engine'.*\[engines.NAME\]"),
        ("[engines.x]\nmodel=3\nbase_url='http://a'", "model = 3 must be a text"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nserver='vlm'", "did you mean 'vllm'"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nprefix='prefil'", "did you mean 'prefix'"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nthinking=1", "must be true or false"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nomit=[1]", "must be a list of texts"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nextra=1", "must be a table"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\nmax_retries=-1", "0 or more"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\ntimeout_s=0", "timeout_s = 0"),
        ("[engines.x]\nmodel='m'\nbase_url='http://a'\ntimeout_s=inf", "finite"),
        ("engines = 3", "must hold tables"),
        ("[engines]\nx = 3", "must be a table of settings"),
        ("[engines.x", "not valid TOML"),
    ],
)
def test_mistakes_in_the_file_are_named(write, text, words):
    write(text)
    with pytest.raises(ConfigError, match=words):
        endpoints()


def test_a_file_that_is_not_text_is_named(write, tmp_path):
    (tmp_path / "engines.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="engines.toml"):
        endpoints()


def test_an_unknown_name_says_what_to_write(write):
    write(GOOD)
    with pytest.raises(ConfigError, match="did you mean 'gpt-mini'.*engines.gpt-mni"):
        endpoint_of("http:gpt-mni")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host/v1",
        "https://hunter2@host/v1",
        "http://:hunter2@host",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(write, url):
    for attempt in (lambda: check_base_url(url, "x"), lambda: endpoint_of(f"http:m@{url}")):
        with pytest.raises(ConfigError, match="credentials") as caught:
            attempt()
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "file:///etc/passwd",
        "host/v1",
        "https://",
        "",
        "http://host:99999/v1",
        "http://[::1/v1",
        "https://host/v1?key=1",
        "https://host/v1#a",
        "https://host/v 1",
    ],
)
def test_addresses_that_are_refused(url):
    with pytest.raises(ConfigError):
        check_base_url(url, "x")


def test_a_key_written_where_its_variable_belongs_is_not_repeated():
    with pytest.raises(ConfigError, match="not the name of an environment variable") as caught:
        Endpoint(model="m", base_url="http://a", api_key_env="sk-hunter2")
    assert "hunter2" not in str(caught.value)
