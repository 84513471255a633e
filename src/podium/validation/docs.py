"""Great Expectations' Data Docs: a static site of a validation that was done."""

from __future__ import annotations

import html
import shutil
import tempfile
from pathlib import Path
from typing import Any

from podium import atomic
from podium.errors import ConfigError
from podium.validation.docs_site import make_self_contained
from podium.validation.judge import build
from podium.validation.quiet import quiet
from podium.validation.results import CheckResult, ValidationReport
from podium.validation.suite import Suite

_MARK = "podium-data-docs"


def write_data_docs(report: ValidationReport, suite: Suite, folder: Path) -> None:
    """Render a report as Data Docs, without a network; ``folder`` is replaced if it holds an earlier site.

    The pages of Great Expectations load styles, fonts and scripts from public servers; here they need nothing from
    outside (``docs_site``).

    Raises:
        ConfigError: The folder holds something else.
    """
    ensure_replaceable(folder)
    import great_expectations as gx

    with quiet(), tempfile.TemporaryDirectory() as made:
        context = gx.get_context(mode="file", project_root_dir=made)
        context.enable_analytics(False)
        site = Path(made) / "site"
        context.add_data_docs_site(
            "podium",
            {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        for name, results in _groups(report).items():
            _store(context, suite, name, results, report)
        context.build_data_docs(site_names=["podium"])
        make_self_contained(site, report)
        with atomic.new_directory(folder) as target:
            shutil.copytree(site, target, dirs_exist_ok=True)
            (target / _MARK).touch()


def ensure_replaceable(folder: Path) -> None:
    """Refuse a folder that holds something other than an earlier site. Raises ConfigError."""
    if folder.exists() and not (folder / _MARK).is_file() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder}: holds something other than Data Docs", remedy="name a new folder, or an empty one"
        )


def _groups(report: ValidationReport) -> dict[str, list[CheckResult]]:
    """Results by split, which become a page each."""
    groups: dict[str, list[CheckResult]] = {}
    for result in report.results:
        groups.setdefault(result.split, []).append(result)
    return groups


def _escaped(value: Any) -> Any:
    """Texts of a result: they hold names from the data."""
    if isinstance(value, dict):
        return {key: _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_escaped(inner) for inner in value]
    return html.escape(value) if isinstance(value, str) else value


def _store(context: Any, suite: Suite, name: str, results: list[CheckResult], report: ValidationReport) -> None:
    """Put results into the context's store, as if it had validated them itself."""
    from datetime import UTC, datetime

    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    title, now = f"{suite.name} {name}", datetime.now(UTC)
    objects = build(suite)
    members = []
    for result in results:
        config = objects[result.name].configuration
        where = f" ({result.subject})" if result.subject else ""
        words = f"{result.severity}: {result.title}{where}: {result.message} (expected: {result.expected})"
        config.description = html.escape(words)  # Great Expectations takes it for HTML
        members.append(
            ExpectationValidationResult(
                success=result.success, expectation_config=config, result=_escaped(result.evidence.get("result", {}))
            )
        )
    seen = {result.name: result for result in results}
    for item, result in ((item, seen[item.id]) for item in suite.expectations if item.id in seen):
        words = f"{item.severity}: {item.meta.title}: {result.expected} ({item.id}, {item.type})"
        objects[item.id].description = html.escape(words)
    context.suites.add(gx.ExpectationSuite(name=title, expectations=[objects[i] for i in seen]))
    successful = sum(member.success for member in members)
    whole = ExpectationSuiteValidationResult(
        success=all(member.success for member in members),
        results=members,
        suite_name=title,
        statistics={
            "evaluated_expectations": len(members),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(members) - successful,
            "success_percent": 100 * successful / max(1, len(members)),
        },
        meta={
            "great_expectations_version": report.engine.split()[-1],
            "run_id": {"run_name": report.data_digest[:12], "run_time": now.isoformat()},
            "batch_spec": {"data_asset_name": html.escape(f"{report.data_name}, {name}"), "digest": report.data_digest},
        },
    )
    run = RunIdentifier(run_name=report.data_digest[:12], run_time=now)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(title), run_id=run, batch_identifier=name
    )
    context.validation_results_store.add(key, whole)
