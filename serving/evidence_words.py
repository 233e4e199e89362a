"""The sentences about earlier leads, in English and Spanish: rates, and which leads they are the rates of.

What begins with ``set.`` follows "Of 218 earlier leads"; `leadlight.serving.sets` chooses among them.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EVIDENCE_TEXTS"]

EVIDENCE_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "evidence.dated": (
        "Of {leads} earlier leads {which}, {rate} ({low}–{high}) {reached} within {days} days; {baseline} of all.",
        "De {leads} leads anteriores {which}, el {rate} ({low}–{high}) {reached} en {days} días; "
        "el {baseline} de todos.",
    ),
    "evidence.flat": (
        "Of {leads} earlier leads {which}, {rate} ({low}–{high}) {reached}; {baseline} of all.",
        "De {leads} leads anteriores {which}, el {rate} ({low}–{high}) {reached}; el {baseline} de todos.",
    ),
    "evidence.few": ("Too few earlier leads to say.", "Muy pocos leads anteriores para decir algo."),
    "evidence.contradicts.raises": (
        "Raises here, given the rest: looking at this alone, such leads converted less often than the average.",
        "Sube aquí, dado lo demás: mirando solo esto, leads así se convirtieron con menos frecuencia que la media.",
    ),
    "evidence.contradicts.lowers": (
        "Lowers here, given the rest: looking at this alone, such leads converted more often than the average.",
        "Baja aquí, dado lo demás: mirando solo esto, leads así se convirtieron con más frecuencia que la media.",
    ),
    "set.level": ("with {label} “{level}”", "con {label} «{level}»"),
    "set.yes_or_no": ("with “{label}”: {level}", "con «{label}»: {level}"),
    "set.touch": ("whose {label} was “{level}”", "con {label} «{level}»"),
    "set.other_level": ("with a rare value of {label}", "con un valor poco frecuente de {label}"),
    "set.not_known": ("whose {label} was not known", "sin dato de {label}"),
    "set.number.any": ("with any {label}", "con cualquier {label}"),
    "set.number.below": ("with {label} below {high}", "con {label} por debajo de {high}"),
    "set.number.from": ("with {label} of {low} or more", "con {label} de {low} o más"),
    "set.number.between": ("with {label} from {low} to below {high}", "con {label} de {low} a menos de {high}"),
    "set.employees.not_known": ("whose number of employees was not known", "sin dato del número de empleados"),
    "set.employees.none": ("without employees", "sin empleados"),
    "set.employees.one": ("with 1 employee", "con 1 empleado"),
    "set.employees.exactly": ("with {low} employees", "con {low} empleados"),
    "set.employees.upto": ("with {high} or fewer employees", "con {high} empleados o menos"),
    "set.employees.between": ("with {low} to {high} employees", "con entre {low} y {high} empleados"),
    "set.employees.from": ("with {low} or more employees", "con {low} empleados o más"),
    "set.employees.some": ("with at least 1 employee", "con al menos 1 empleado"),
    "set.employees.any": ("with any number of employees", "con cualquier número de empleados"),
    "set.did.lately": ("that had {deed} {when}", "que habían {deed} {when}"),
    "set.did.last": ("that had last {deed} {when}", "que habían {deed} por última vez {when}"),
    "set.did.first": ("that had first {deed} {when}", "que habían {deed} por primera vez {when}"),
    "set.did.never": ("that had never {deed}", "que nunca habían {deed}"),
    "set.did.none": ("that had not {deed}{window}", "que no habían {deed}{window}"),
    "set.did.one": ("that had {deed} once{window}", "que habían {deed} una vez{window}"),
    "set.did.exactly": ("that had {deed} {low} times{window}", "que habían {deed} {low} veces{window}"),
    "set.did.upto": (
        "that had {deed} at most {high} times{window}",
        "que habían {deed} como máximo {high} veces{window}",
    ),
    "set.did.between": (
        "that had {deed} {low} to {high} times{window}",
        "que habían {deed} entre {low} y {high} veces{window}",
    ),
    "set.did.from": ("that had {deed} {low} or more times{window}", "que habían {deed} {low} veces o más{window}"),
    "set.did.some": ("that had {deed}{window}", "que habían {deed}{window}"),
    "set.did.any": ("whether or not they had {deed}{window}", "hubieran {deed} o no{window}"),
    "set.when.any": ("before", "antes"),
    "set.when.day": ("in the 24 hours before", "en las 24 horas anteriores"),
    "set.when.below": ("in the {high} days before", "en los {high} días anteriores"),
    "set.when.from": ("{low} or more days before", "{low} días antes o más"),
    "set.when.between": ("{low} to {high} days before", "entre {low} y {high} días antes"),
    "set.created": ("created {when}", "creados {when}"),
    "set.created.not_known": ("whose creation date was not known", "sin fecha de creación conocida"),
    "set.stage": ("in stage {stage}", "en la etapa «{stage}»"),
    "set.stage.none": ("without a recorded stage", "sin etapa registrada"),
    "set.stage.other": ("in a rare stage", "en una etapa poco común"),
    "set.stage.since": ("that had come into their stage {when}", "que habían entrado en su etapa {when}"),
    "set.stage.changed": ("whose stage had last changed {when}", "cuya etapa había cambiado por última vez {when}"),
    "set.reached.yes": ("that had already reached stage {stage}", "que ya habían llegado a la etapa {stage}"),
    "set.reached.no": ("that had not yet reached stage {stage}", "que aún no habían llegado a la etapa {stage}"),
    "set.recycled.none": ("that had never been recycled", "que nunca se habían reciclado"),
    "set.recycled.one": ("that had been recycled once", "que se habían reciclado una vez"),
    "set.recycled.exactly": ("that had been recycled {low} times", "que se habían reciclado {low} veces"),
    "set.recycled.upto": ("that had been recycled at most {high} times", "reciclados como máximo {high} veces"),
    "set.recycled.between": (
        "that had been recycled {low} to {high} times",
        "que se habían reciclado entre {low} y {high} veces",
    ),
    "set.recycled.from": ("that had been recycled {low} or more times", "que se habían reciclado {low} veces o más"),
    "set.recycled.some": ("that had been recycled", "que se habían reciclado"),
    "set.recycled.any": ("recycled or not", "reciclados o no"),
    "set.colleagues.none": ("without other leads at their company", "sin otros leads en su empresa"),
    "set.colleagues.one": ("with 1 other lead at their company", "con otro lead en su empresa"),
    "set.colleagues.exactly": ("with {low} other leads at their company", "con otros {low} leads en su empresa"),
    "set.colleagues.upto": (
        "with at most {high} other leads at their company",
        "con otros {high} leads como máximo en su empresa",
    ),
    "set.colleagues.between": (
        "with {low} to {high} other leads at their company",
        "con entre {low} y {high} leads más en su empresa",
    ),
    "set.colleagues.from": (
        "with {low} or more other leads at their company",
        "con al menos {low} leads más en su empresa",
    ),
    "set.colleagues.some": ("with other leads at their company", "con más leads en su empresa"),
    "set.colleagues.any": ("with or without other leads at their company", "con o sin más leads en su empresa"),
    "set.colleague_activity.none": (
        "whose colleagues had not been active{window}",
        "cuyos compañeros no habían tenido actividad{window}",
    ),
    "set.colleague_activity.one": (
        "whose colleagues had been active once{window}",
        "cuyos compañeros habían tenido 1 actividad{window}",
    ),
    "set.colleague_activity.exactly": (
        "whose colleagues had been active {low} times{window}",
        "cuyos compañeros habían tenido {low} actividades{window}",
    ),
    "set.colleague_activity.upto": (
        "whose colleagues had been active at most {high} times{window}",
        "cuyos compañeros habían tenido como máximo {high} actividades{window}",
    ),
    "set.colleague_activity.between": (
        "whose colleagues had been active {low} to {high} times{window}",
        "cuyos compañeros habían tenido entre {low} y {high} actividades{window}",
    ),
    "set.colleague_activity.from": (
        "whose colleagues had been active {low} or more times{window}",
        "cuyos compañeros habían tenido {low} actividades o más{window}",
    ),
    "set.colleague_activity.some": (
        "whose colleagues had been active{window}",
        "cuyos compañeros habían tenido actividad{window}",
    ),
    "set.colleague_activity.any": (
        "whether or not colleagues had been active{window}",
        "hubieran tenido actividad sus compañeros o no{window}",
    ),
    "set.colleague_stages.none": (
        "without a colleague who had reached stage {stage}",
        "sin ningún compañero que hubiera llegado a la etapa {stage}",
    ),
    "set.colleague_stages.one": (
        "with 1 colleague who had reached stage {stage}",
        "con 1 compañero que había llegado a la etapa {stage}",
    ),
    "set.colleague_stages.exactly": (
        "with {low} colleagues who had reached stage {stage}",
        "con {low} compañeros que habían llegado a la etapa {stage}",
    ),
    "set.colleague_stages.upto": (
        "with at most {high} colleagues who had reached stage {stage}",
        "con {high} compañeros como máximo que habían llegado a la etapa {stage}",
    ),
    "set.colleague_stages.between": (
        "with {low} to {high} colleagues who had reached stage {stage}",
        "con entre {low} y {high} compañeros que habían llegado a la etapa {stage}",
    ),
    "set.colleague_stages.from": (
        "with {low} or more colleagues who had reached stage {stage}",
        "con {low} compañeros o más que habían llegado a la etapa {stage}",
    ),
    "set.colleague_stages.some": (
        "with a colleague who had reached stage {stage}",
        "con algún compañero que había llegado a la etapa {stage}",
    ),
    "set.colleague_stages.any": (
        "with any colleagues at stage {stage}, or none",
        "con compañeros en la etapa {stage}, o sin ellos",
    ),
    "set.account.not_known": ("whose account was not known", "sin cuenta conocida"),
    "reached.stage": ("became {stage}", "llegó a {stage}"),
    "reached.other": ("reached stage {stage}", "llegó a la etapa {stage}"),
    "reached.flat": ("converted", "se convirtió"),
}
"""English and Spanish of each text, as in `leadlight.serving.words.TEXTS`."""
