package reply
import ("testing";"context";"fmt")
func TestZZ(t *testing.T){
 j:=matrixJudge()
 everyReply(independent(t,"doubt"),3,func(n,p string,l locale,raw []byte){ g:=j.Judge(context.Background(),Input{Raw:raw,Expect:l.expectation()}); if g.Verdict==Cancel{fmt.Printf("CANCEL %s %q\n",n,p)}})
 for tag,list:=range map[string][]string{
 "en":{"Yes, delete my data but","Yes, delete my account and keep the data","Yes, delete the information","Yes, delete my details","Yes delete associated data","Yes. Tom","yes now","Now","Yes, hello","Yes, dear team","Delete","delete it","Remove","Please remove","remove me","Yes, remove","Erase","I want my data","I want my account","I would like my data","Yes, I would like to delete","yes and","yes best","Yes, best wishes with that","confirm","Confirmed","Confirm it","I confirm it","I confirm that","This is to confirm","Yes\n\nCheers\nMicrosoft","Yes\n\nBest\nLegal Counsel\nAcme Holdings","Yes\n\nThanks\nJust Kidding","Yes\n\nThanks\nHaha","Yes\n\nBest\nWhatever","Yes\n\nRegards\nOn Hold","Yes\n\nRegards\nSecond Thoughts","Yes\n\nThanks\nHa Ha","YES\nTHANKS\nHA HA","Yes. Thanks, Sherlock","Yes\n\nHahaha","Yes haha","yes lol","yes /s","Yes /S","Yes. /Sarcasm","Yes /Irony","yes, permanently","I approve the deletion of it","you have my confirmation","Thanks for the confirmation","request confirmed","Request confirmed.","My request","yes this","Yes, delete this account"},
 "de":{"Ja\n\nGruß\nScherz","Ja\n\nGruß\nHaha","Ja, gern","Ja, gerne","Ja bitte","gern","Bitte","Bitte löschen","Löschung","Ich möchte das","Ja, danke nein","Ja\nMfG\nKein Scherz","Ja\n\nLG\nVorläufig","Ja\n\nLG\nTeilweise","Ja\n\nDanke\nKündigung","Ja\n\nDanke\nErst Auskunft","Ja\n\nDanke\nDatenauskunft","Ja\n\nDanke\nWiderruf","Ja\n\nDanke\nUnter Vorbehalt","Ja\n\nDanke\nRückruf","Ja /Ironie","Wird bestätigt","Anfrage bestätigt","bestätigen"},
 "fr":{"Oui\n\nMerci\nBlague","Oui\n\nMerci\nSous Réserve","Oui volontiers","Confirmer","Oui je le veux","Demande confirmée"},
 "es":{"Si","si gracias","Sí\n\nGracias\nBroma","Sí, quiero","Quiero","Confirmar"},
 "da":{"Ja, værsgo","slet","Slet","Ja slet ikke","Slet, tak"},
 "nl":{"Ja graag","wis","Ja\n\nGroet\nGrapje","Ja\n\nBedankt\nOnder Voorbehoud"},
 }{ for _,l:=range locales{ if l.tag!=tag {continue}
  for _,p:=range list { g:=j.Judge(context.Background(),Input{Raw:write(l,body{plain:p},0),Expect:l.expectation()}); fmt.Printf("%-10s %s %q\n",g.Verdict,tag,p)}}}
}
